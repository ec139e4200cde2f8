"""Faults on the wire: one layer around each service that breaks answers as the rules say, and counts all."""

import asyncio
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from provisioner.sandbox.faults.rules import (
    FAULTS_KEY,
    WIRE_KINDS,
    WITHOUT_EFFECT,
    Fault,
    FaultBook,
    error_body,
    error_headers,
    route_of,
)

_TRANSPORT = "provisioner.transport"
_SLOW_PIECES = 20
_GATEWAY_PAGE = """<!DOCTYPE html>
<html><head><title>{status} {phrase}</title></head>
<body><center><h1>{status} {phrase}</h1></center><hr><center>gateway</center></body></html>
"""


class BreakableProtocol(H11Protocol):
    """uvicorn's HTTP, with the connection within reach of the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


class Injection:
    """One service, with the faults of the book around it."""

    def __init__(self, app: ASGIApp, service: str, book: FaultBook) -> None:
        self._app = app
        self._service = service
        self._book = book

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._book.note_arrival(self._service)
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._answer(scope, receive, watch)
        finally:
            self._book.note_answer(self._service, scope["method"], route_of(scope["path"]), status)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = scope["path"]
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        struck = self._book.strike(self._service, scope["method"], target)
        acted = {fault.kind: fault.params.model_dump() for fault in struck if fault.kind not in WIRE_KINDS}
        scope = {**scope, FAULTS_KEY: acted}
        wire = next((fault for fault in struck if fault.kind in WIRE_KINDS), None)
        if wire is None:
            await self._app(scope, receive, send)
        elif wire.kind == "reset":
            # Cut in the middle of sending, a client would see an end in place of a reset.
            await _body_read(receive)
            await _reset(scope, receive)
        elif wire.kind in WITHOUT_EFFECT:
            await _refusal(self._service, wire)(scope, receive, send)
        elif wire.kind == "delay":
            await self._delayed(wire, scope, receive, send)
        else:
            await self._broken(wire, scope, receive)

    async def _delayed(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if not fault.params.after_effect:
            # Read before: a client that gives up meanwhile has sent its request all the same.
            replay = await _body_read(receive)
            await asyncio.sleep(fault.params.seconds)
            await self._app(scope, replay, send)
            return
        kept = _Kept()
        await self._app(scope, receive, kept.take)
        await asyncio.sleep(fault.params.seconds)
        for message in kept.messages:
            await send(message)

    async def _broken(self, fault: Fault, scope: Scope, receive: Receive) -> None:
        """Let the effect happen, then answer not at all, slowly, or by half."""
        kept = _Kept()
        await self._app(scope, receive, kept.take)
        if fault.kind == "drop_after_effect":
            await asyncio.sleep(fault.params.seconds)
        elif fault.kind == "slow_headers":
            await _trickle(_transport(scope), kept.head(), fault.params.seconds)
            _transport(scope).write(kept.body)
            await _close(scope, receive)
            return
        elif fault.kind == "truncate":
            _transport(scope).write(kept.head() + kept.body[: len(kept.body) // 2])
            await _close(scope, receive)
            return
        await _reset(scope, receive)


@dataclass
class _Kept:
    """An answer that was held back."""

    messages: list[Message] = field(default_factory=list)

    async def take(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages if m["type"] == "http.response.body")

    def head(self) -> bytes:
        """The status line and the headers as they go over the wire; the connection ends with this answer."""
        start = next(message for message in self.messages if message["type"] == "http.response.start")
        status = start["status"]
        names = {name.lower() for name, _ in start["headers"]}
        headers = [*start["headers"], (b"connection", b"close")]
        if b"content-length" not in names and status != HTTPStatus.NO_CONTENT:
            headers.append((b"content-length", str(len(self.body)).encode()))
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"


async def _body_read(receive: Receive) -> Receive:
    """Read a request's body now; the answer gives it out again, and then what else comes."""
    messages: deque[Message] = deque()
    while not messages or messages[-1].get("more_body", False):
        messages.append(await receive())

    async def replay() -> Message:
        return messages.popleft() if messages else await receive()

    return replay


def _refusal(service: str, fault: Fault) -> Response:
    params = fault.params
    headers = {**error_headers(service, params.status or 500), **params.headers}
    if params.retry_after is not None:
        headers["retry-after"] = str(params.retry_after)
    if fault.kind == "html":
        status = params.status or 504
        page = _GATEWAY_PAGE.format(status=status, phrase=HTTPStatus(status).phrase)
        return HTMLResponse(page, status, headers)
    status = params.status or 500
    body = error_body(service, status, params, with_code=fault.kind != "no_error_id")
    return JSONResponse(body, status, headers)


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope["extensions"][_TRANSPORT]
    assert isinstance(transport, asyncio.Transport)
    return transport


async def _trickle(transport: asyncio.Transport, head: bytes, seconds: float) -> None:
    """Write a head in pieces, so that no single read waits long while the whole takes its time."""
    size = max(1, len(head) // _SLOW_PIECES)
    for start in range(0, len(head), size):
        transport.write(head[start : start + size])
        await asyncio.sleep(seconds / _SLOW_PIECES)


async def _reset(scope: Scope, receive: Receive) -> None:
    """Cut the connection so that the client sees a reset: with nothing to linger for, closing sends one."""
    transport = _transport(scope)
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _gone(receive)


async def _close(scope: Scope, receive: Receive) -> None:
    _transport(scope).close()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Wait until uvicorn knows that the connection is gone: before, it would send an error of its own."""
    while (await receive())["type"] != "http.disconnect":
        pass
