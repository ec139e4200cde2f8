"""The Bot API over HTTP."""

import asyncio
import json
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provisioner.sandbox.telegram import methods as _methods  # noqa: F401 - makes the methods known
from provisioner.sandbox.telegram.api import call
from provisioner.sandbox.telegram.refusals import Refusal, bad_request
from provisioner.sandbox.telegram.world import World

_CLIENT_GONE = 499


def telegram_app(world: World) -> Starlette:
    """`/bot<token>/<method>` for GET and POST with a query, a form or JSON; files are never there."""

    async def method(request: Request) -> Response:
        token, name = request.path_params["token"], request.path_params["method"]
        try:
            given = await _given(request)
            result = await _unless_hung_up(request, call(world, token, name, given))
        except Refusal as refusal:
            return _refused(refusal)
        except _HungUpError:
            return Response(status_code=_CLIENT_GONE)
        return JSONResponse({"ok": True, "result": result})

    async def nothing(_: Request) -> Response:
        return _refused(Refusal(404, "Not Found"))

    return Starlette(
        routes=[
            Route("/file/bot{token}/{path:path}", nothing, methods=["GET"]),
            Route("/bot{token}/{method}", method, methods=["GET", "POST"]),
            Route("/{path:path}", nothing, methods=["GET", "POST"]),
        ]
    )


def _refused(refusal: Refusal) -> Response:
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after is not None else None
    return JSONResponse(refusal.body, refusal.code, headers=headers)


class _HungUpError(Exception):
    """The client went away before it was answered."""


async def _unless_hung_up(request: Request, work: Any) -> Any:
    """The result of `work`; a poll whose client is gone must not wait on and take part in conflicts."""
    answer = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise _HungUpError
        return answer.result()
    finally:
        for task in (answer, gone):
            task.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _given(request: Request) -> Mapping[str, Any]:
    """The query's parameters, with those of the body over them."""
    body = await request.body()
    given: dict[str, Any] = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        given.update(_from_json(body))
    elif kind.startswith("multipart/form-data"):
        given.update(_from_multipart(kind, body))
    elif kind.startswith("application/x-www-form-urlencoded"):
        given.update(parse_qsl(body.decode(), keep_blank_values=True))
    return given


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        raise bad_request("can't parse request JSON object") from None
    if not isinstance(given, dict):
        raise bad_request("can't parse request JSON object")
    return given


def _from_multipart(kind: str, body: bytes) -> dict[str, str]:
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    fields = {}
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if name and isinstance(content, bytes):
            fields[str(name)] = content.decode("utf-8", "replace")
    return fields
