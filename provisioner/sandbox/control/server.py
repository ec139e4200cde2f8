"""The sandbox's one process: takes the folder, opens its sockets, serves, and leaves nothing when it ends.

`python -m provisioner.sandbox.control.server OPTIONS FD [LIFELINE]`, with the options as JSON, is what
`launch` starts. It tells its progress on the file descriptor, one JSON object a line: `{"say": ...}`, then
`{"ready": true}` or `{"error": ...}`. It stops when the other end of the pipe LIFELINE is closed.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from starlette.types import ASGIApp

from provisioner.errors import SandboxError
from provisioner.sandbox.control.app import control_app
from provisioner.sandbox.control.assembly import Assembly, port_candidates
from provisioner.sandbox.control.options import Options
from provisioner.sandbox.control.state import ALREADY_UP, Ports, StateFolder
from provisioner.sandbox.faults.injection import BreakableProtocol

log = logging.getLogger(__name__)


class Reporter:
    """Tells whoever started the process how far it is, and the log too."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def say(self, line: str) -> None:
        log.info("%s", line)
        self._tell({"say": line})

    def ready(self) -> None:
        log.info("ready")
        self._tell({"ready": True})
        self._close()

    def failed(self, error: SandboxError) -> None:
        log.error("%s", error)
        self._tell({"error": {"cause": str(error.cause or error), "hint": error.hint}})
        self._close()

    def _tell(self, message: dict[str, Any]) -> None:
        if self._fd is not None:
            # The one who started it may be gone; the sandbox stays.
            with suppress(BrokenPipeError):
                os.write(self._fd, json.dumps(message).encode() + b"\n")

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def serve(options: Options, reporter: Reporter, lifeline: int | None = None) -> None:
    """Be the sandbox until told to stop, or until the pipe `lifeline` is closed.

    Raises SandboxError when it cannot start or cannot clean up.
    """
    folder = options.folder
    folder.prepare()
    held = folder.hold()
    if held is None:
        raise SandboxError("start the sandbox", whom=str(folder.path), cause=ALREADY_UP)
    # A copy that nobody closes: the folder stays taken until the very end of the process.
    os.dup(held.fileno())
    with held, _interruptible():
        folder.write_pid(held)
        folder.begin_log()
        folder.sweep()
        _serve(folder, options, reporter, lifeline)


def _serve(folder: StateFolder, options: Options, reporter: Reporter, lifeline: int | None) -> None:
    assembly = Assembly(options, reporter.say)
    try:
        wanted = folder.ports()
        http = bind(assembly.addresses, wanted.http)
        assembly.http_port = http[0].getsockname()[1]
        assembly.start_mailbox(wanted.smtp)
        assembly.start_stripe()
        folder.keep_ports(Ports(assembly.http_port, assembly.mailbox.port))
        asyncio.run(_run(assembly, http, _bind_control(folder), reporter, lifeline))
    finally:
        _uninterrupted()
        log.info("stopping")
        assembly.close()
        folder.control.unlink(missing_ok=True)
        log.info("stopped")


async def _run(
    assembly: Assembly,
    http: list[socket.socket],
    control: socket.socket,
    reporter: Reporter,
    lifeline: int | None,
) -> None:
    stop = asyncio.Event()
    _stop_when_told(stop, lifeline)
    public = _Server(assembly.app(reporter.say))
    private = _Server(control_app(assembly, stop.set))
    running = [
        asyncio.create_task(public.serve(sockets=http)),
        asyncio.create_task(private.serve(sockets=[control])),
    ]
    while not (public.started and private.started):
        await asyncio.sleep(0.005)
    reporter.ready()
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([*running, stopped], return_when=asyncio.FIRST_COMPLETED)
    assembly.telegram.close()
    public.should_exit = private.should_exit = True
    await asyncio.gather(*running)


def _stop_when_told(stop: asyncio.Event, lifeline: int | None) -> None:
    """By a signal, or because the process is gone that this sandbox was for."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if lifeline is None:
        return

    def alone() -> None:
        loop.remove_reader(lifeline)
        log.info("the process that it was for is gone")
        stop.set()

    loop.add_reader(lifeline, alone)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: there are two in this process, and they stop together."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            http=BreakableProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            # Telegram's tokens are in the paths.
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(addresses: tuple[str, ...], port: int) -> list[socket.socket]:
    """Listening sockets with one port on all addresses: this one if it is free, else any that is."""
    for candidate in port_candidates(port):
        with suppress(OSError):
            return _bind_all(addresses, candidate)
    raise SandboxError("start the sandbox", cause=f"no port is free on {' and '.join(addresses)}", retry=True)


def _bind_all(addresses: tuple[str, ...], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for address in addresses:
            # Naming the protocol is what makes asyncio send small answers at once (TCP_NODELAY).
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            bound.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            port = listener.getsockname()[1]
    except OSError:
        for listener in bound:
            listener.close()
        raise
    return bound


def _bind_control(folder: StateFolder) -> socket.socket:
    control = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        control.bind(str(folder.control))
    finally:
        os.umask(mask)
    return control


@contextmanager
def _interruptible() -> Iterator[None]:
    """A signal before the loop runs ends the start like an error would, so that it cleans up."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SandboxError("start the sandbox", cause="it was told to stop")

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _uninterrupted() -> None:
    """Cleaning up is not cut short by a second signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def serve_here(options: Options) -> None:
    """Be the sandbox in this process, with its log on standard error, until a signal comes."""
    _log_to_stderr()
    serve(options, Reporter(None))


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A connection that a fault breaks is a warning to the one, each line of a mail worth a note to the other.
    for chatty in ("uvicorn", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def main() -> int:
    _log_to_stderr()
    options = Options.model_validate_json(sys.argv[1])
    reports, *lifeline = map(int, sys.argv[2:])
    reporter = Reporter(reports)
    try:
        serve(options, reporter, *lifeline)
    except SandboxError as error:
        reporter.failed(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
