"""The API over HTTP: which key may do what."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from provisioner.sandbox.openrouter import completions, errors, management
from provisioner.sandbox.openrouter.account import Account, ApiKey
from provisioner.sandbox.openrouter.errors import OpenRouterApiError

Answer = Callable[[Request, Any], Response]


def openrouter_app(account: Account) -> Starlette:
    """The API below the path where it is mounted (`/openrouter`)."""

    def endpoint(answer: Answer) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            try:
                body = await _body(request)
                with account.lock:
                    return answer(request, body)
            except OpenRouterApiError as problem:
                return JSONResponse(problem.body, problem.status)

        return respond

    def managed(answer: Callable[[Request, Any], dict[str, Any]], status: int = 200) -> Callable[..., Any]:
        def checked(request: Request, body: Any) -> Response:
            if not secrets.compare_digest(_shown(request).encode(), account.management_key.encode()):
                raise errors.not_a_management_key()
            return JSONResponse(answer(request, body), status)

        return endpoint(checked)

    def hashed(request: Request) -> str:
        return str(request.path_params["hash"])

    keys, one = "/api/v1/keys", "/api/v1/keys/{hash}"
    return Starlette(
        routes=[
            Route(keys, managed(lambda _, body: management.create(account, body), 201), methods=["POST"]),
            Route(keys, managed(lambda request, _: management.index(account, dict(request.query_params)))),
            Route(one, managed(lambda request, _: management.show(account, hashed(request)))),
            Route(
                one,
                managed(lambda request, body: management.update(account, hashed(request), body)),
                methods=["PATCH"],
            ),
            Route(
                one,
                managed(lambda request, _: management.delete(account, hashed(request))),
                methods=["DELETE"],
            ),
            Route("/api/v1/credits", managed(lambda _request, _body: management.credits_of(account))),
            Route("/api/v1/key", endpoint(lambda request, _: _current(account, request))),
            Route("/api/v1/models", endpoint(lambda _request, _body: JSONResponse(completions.listed()))),
            Route(
                "/api/v1/chat/completions",
                endpoint(lambda request, body: _complete(account, request, body)),
                methods=["POST"],
            ),
        ],
        exception_handlers={404: _no_route, 405: _no_route},
    )


def _current(account: Account, request: Request) -> Response:
    """A spent key may still look at itself; one that is disabled or gone may not."""
    return JSONResponse(management.current(account, _living(account, request)))


def _complete(account: Account, request: Request, body: Any) -> Response:
    key = _living(account, request)
    if account.left <= 0:
        raise errors.no_credit()
    if key.remaining(account.now()) == 0:
        raise errors.key_spent(key.limit_reset or "total")
    completion = completions.complete(body, account.now())
    account.charge(key, completion.cost)
    headers = {"x-generation-id": completion.id}
    if body.get("stream") is True:
        return StreamingResponse(completion.stream(), media_type="text/event-stream", headers=headers)
    return JSONResponse(completion.whole(), headers=headers)


def _living(account: Account, request: Request) -> ApiKey:
    """The key that is shown, or the 401 that says why it opens nothing."""
    key = account.key_of(_shown(request))
    if key is None:
        raise errors.unknown_key()
    expired = key.expires_at is not None and account.now() >= key.expires_at.timestamp()
    if key.disabled or expired:
        raise errors.key_disabled()
    return key


def _shown(request: Request) -> str:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise errors.no_credentials()
    return secret


async def _body(request: Request) -> Any:
    raw = await request.body()
    if not raw:
        return {}
    try:
        return json.loads(raw)
    except ValueError:
        raise errors.bad_request("The body is not valid JSON") from None


async def _no_route(_request: Request, _error: Exception) -> Response:
    problem = errors.not_found("Path")
    return JSONResponse(problem.body, problem.status)
