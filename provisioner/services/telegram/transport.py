"""The one HTTP client that all bots of a process share, on an event loop in a thread of its own.

python-telegram-bot is asynchronous, and a connection belongs to the event loop that opened it. The loop here
outlives the calls, so calls from any thread, and from code that runs in an event loop already, share its open
connections. `close` ends it; so does the end of the process.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from provisioner.services.trust import certificates

if TYPE_CHECKING:
    from telegram.request import HTTPXRequest

_T = TypeVar("_T")

CALL_SECONDS = 20.0
"""How long one call may take without a word from the other end."""
_CONNECTIONS = 64
# Less than any server waits before it closes an idle connection (uvicorn: 5): of a message that is on its way
# there while that happens nobody knows whether it has arrived.
_IDLE_SECONDS = 4.0
_CLOSE_SECONDS = 5.0


def run(ask: "Callable[[HTTPXRequest], Awaitable[_T]]") -> _T:
    """What this gives when it is awaited with the shared HTTP client; blocks the calling thread."""
    return _shared_transport().run(ask)


def close() -> None:
    """Close the shared client and its connections; whoever calls after that opens new ones."""
    global _shared
    with _lock:
        transport, _shared = _shared, None
    if transport is not None:
        transport.close()


class _Transport:
    """One HTTP client, its event loop and its thread."""

    def __init__(self) -> None:
        self._started: Future[HTTPXRequest] = Future()
        self._thread = threading.Thread(target=self._serve, name="telegram", daemon=True)
        self._thread.start()
        self._request = self._started.result()

    def run(self, ask: "Callable[[HTTPXRequest], Awaitable[_T]]") -> _T:
        async def answer() -> _T:
            return await ask(self._request)

        future = asyncio.run_coroutine_threadsafe(answer(), self._loop)
        try:
            return future.result()
        except BaseException:  # an interrupt of this thread ends the call too
            future.cancel()
            raise

    def close(self) -> None:
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_CLOSE_SECONDS)

    def _serve(self) -> None:
        try:
            asyncio.run(self._until_closed())
        except Exception as problem:
            if self._started.done():
                raise
            self._started.set_exception(problem)  # raised where the client is asked for

    async def _until_closed(self) -> None:
        import httpx
        from telegram.request import HTTPXRequest

        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        request = HTTPXRequest(
            connect_timeout=10,
            read_timeout=CALL_SECONDS,
            write_timeout=10,
            pool_timeout=CALL_SECONDS,
            httpx_kwargs={
                "verify": certificates(),
                "limits": httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=_IDLE_SECONDS),
            },
        )
        async with request:
            self._started.set_result(request)
            await self._stop.wait()


_lock = threading.Lock()
_shared: _Transport | None = None
_of_parents: list[_Transport | None] = []


def _shared_transport() -> _Transport:
    global _shared
    with _lock:
        if _shared is None:
            _shared = _Transport()
        return _shared


def _forget() -> None:
    """In a forked child, which has the parent's sockets but not its thread: leave those alone, begin anew."""
    global _lock, _shared
    _of_parents.append(_shared)
    _lock, _shared = threading.Lock(), None


os.register_at_fork(after_in_child=_forget)
atexit.register(close)
