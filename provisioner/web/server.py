"""uvicorn for a process that has more to do than to answer, and that ends as it is asked to."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from provisioner.errors import InputError

_STOPS = (signal.SIGTERM, signal.SIGINT)
_GRACE_SECONDS = 5
_CONNECTIONS = 200


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at this address; InputError if it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # From here on who connects waits, until somebody answers.
        listener.listen(_CONNECTIONS)
    except OSError as problem:
        hint = "name another one: --host and --port"
        cause = problem.strerror or str(problem)
        raise InputError("listen", whom=f"{host}, port {port}", cause=cause, hint=hint) from None
    return listener


def serve_until_stopped(app: ASGIApp, listener: socket.socket, stopping: Callable[[], None]) -> None:
    """Answer until SIGTERM or SIGINT has come; `stopping` is called at once then."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)

    async def serve() -> None:
        def stop() -> None:
            stopping()
            # A second time it does not wait for who is still there.
            server.force_exit = server.should_exit
            server.should_exit = True

        loop = asyncio.get_running_loop()
        for one in _STOPS:
            loop.add_signal_handler(one, stop)
        await server.serve(sockets=[listener])

    asyncio.run(serve())


class _Server(uvicorn.Server):
    """uvicorn, without its own handling of signals: it raises them once more at its end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
