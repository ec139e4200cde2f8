"""The API over HTTP: who may call, how often, which resource answers, and how problems look."""

import json
import logging
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provisioner.sandbox.cloud import (
    account,
    actions,
    backups,
    billing,
    droplets,
    firewalls,
    images,
    keys,
    projects,
    tags,
    vpcs,
)
from provisioner.sandbox.cloud.call import Call, Endpoint
from provisioner.sandbox.cloud.errors import (
    CloudApiError,
    bad_request,
    forbidden,
    not_found,
    unauthorized,
    unsupported_media_type,
)
from provisioner.sandbox.cloud.state import Cloud
from provisioner.sandbox.faults.rules import FAULTS_KEY

log = logging.getLogger(__name__)

_REQUEST_ID_KEY = "sandbox.request_id"

ENDPOINTS = (
    *account.ENDPOINTS,
    *keys.ENDPOINTS,
    *tags.ENDPOINTS,
    *images.ENDPOINTS,
    *firewalls.ENDPOINTS,
    *actions.ENDPOINTS,
    *backups.ENDPOINTS,
    *droplets.ENDPOINTS,
    *projects.ENDPOINTS,
    *vpcs.ENDPOINTS,
    *billing.ENDPOINTS,
)


def cloud_app(cloud: Cloud) -> ASGIApp:
    """The API below the path where it is mounted (`/v2`)."""
    router = Starlette(
        routes=[_route(cloud, endpoint) for endpoint in ENDPOINTS],
        exception_handlers={CloudApiError: _problem, HTTPException: _no_route, 500: _failure},
    )
    # A redirect would turn a POST into a GET in common clients.
    router.router.redirect_slashes = False
    return Admission(router, cloud)


class Admission:
    """Names the request, checks its token and rate, and takes a trailing slash off its path."""

    def __init__(self, app: ASGIApp, cloud: Cloud) -> None:
        self._app = app
        self._cloud = cloud

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {**scope, _REQUEST_ID_KEY: str(uuid.uuid4()), "path": scope["path"].rstrip("/")}
        request = Request(scope, receive)

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(scope, MutableHeaders(scope=message))
            await send(message)

        try:
            self._admit(request)
        except CloudApiError as problem:
            await _problem(request, problem)(scope, receive, send_named)
            return
        await self._app(scope, receive, send_named)

    def _admit(self, request: Request) -> None:
        options = self._cloud.options
        expected = f"Bearer {self._cloud.token}"
        offered = request.headers.get("authorization", "")
        if options.token == "revoked" or not secrets.compare_digest(offered.encode(), expected.encode()):
            raise unauthorized()
        with self._cloud.lock:
            self._cloud.limits.take(options.hourly_limit, options.minute_limit)
            backups.take_due(self._cloud)
        if options.token == "read" and request.method != "GET":
            raise forbidden()

    def _add_headers(self, scope: Scope, headers: MutableHeaders) -> None:
        headers["x-request-id"] = scope[_REQUEST_ID_KEY]
        with self._cloud.lock:
            for name, value in self._cloud.limits.hour.headers(self._cloud.options.hourly_limit).items():
                headers.setdefault(name, value)


def _route(cloud: Cloud, endpoint: Endpoint) -> Route:
    async def respond(request: Request) -> Response:
        call = Call(
            cloud=cloud,
            url=request.url,
            path=request.path_params,
            query=request.query_params,
            body=await _body(request),
            faults=request.scope.get(FAULTS_KEY, {}),
        )
        with cloud.lock:
            return endpoint.handle(call)

    return Route(endpoint.path, respond, methods=[endpoint.method])


async def _body(request: Request) -> Mapping[str, Any]:
    raw = await request.body()
    if request.method == "GET" or not raw:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise unsupported_media_type()
    try:
        body = json.loads(raw)
    except ValueError:
        raise bad_request("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise bad_request("The body is not a JSON object.")
    return body


def _problem(request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, CloudApiError)
    body = {
        "id": problem.code,
        "message": problem.message,
        "request_id": request.scope.get(_REQUEST_ID_KEY),
    }
    return JSONResponse(body, problem.status, headers=problem.headers)


def _no_route(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return _problem(request, CloudApiError(405, "method_not_allowed", "Method not allowed."))
    return _problem(request, not_found())


def _failure(request: Request, _error: Exception) -> JSONResponse:
    return _problem(request, CloudApiError(500, "server_error", "Unexpected server-side error"))
