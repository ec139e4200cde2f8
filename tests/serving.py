"""A Starlette application over real HTTP on this machine, for as long as a block lasts."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp


@contextmanager
def serving(
    app: ASGIApp,
    before_stop: Callable[[], None] = lambda: None,
    protocol: Any = "auto",
    host: str = "127.0.0.1",
) -> Iterator[str]:
    """Serve `app` on a free port of `host` and give its address, without a slash at the end.

    `protocol` is what uvicorn speaks HTTP with.
    """
    # Naming the protocol is what makes asyncio send small answers at once: 40 ms less for each request.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((host, 0))
    server = _Server(
        uvicorn.Config(
            app,
            http=protocol,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        _wait_until(lambda: server.started)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        before_stop()
        server.should_exit = True
        thread.join(10)
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn, which cuts off whoever is still there at its end: a client may connect while it stops."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            assert connection.transport is not None
            connection.transport.abort()
        # A transport closes its socket at the loop's next turn.
        await asyncio.sleep(0)


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
