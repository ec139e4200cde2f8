"""Forks processes that have everything imported already, and are then `provisioner` with its arguments.

`python -m tests.campaigns.forkserver` reads one line after another: a list of requests, as JSON. Their
processes run at the same time, and it answers with their exit codes when all of them have ended. A campaign
starts thousands of them: a real process each time, with a pid of its own that a SIGKILL ends, but without the
time that the imports take.
"""

import contextlib
import importlib
import json
import math
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from provisioner import failpoints

_MODULES = (
    "provisioner.cli.main",
    "provisioner.cli.commands.pool",
    "provisioner.cli.commands.provision",
    "provisioner.cli.commands.tracking",
    "provisioner.cli.output.job_results",
    "provisioner.cli.output.live",
    "provisioner.cli.output.pool",
    "provisioner.pool.fill",
    "provisioner.runs.fleet",
    "provisioner.runs.runner",
    "provisioner.settings",
    "provisioner.runs.status",
    "provisioner.services.digitalocean.client",
    "provisioner.services.digitalocean.shared",
    "provisioner.services.mail",
    "provisioner.services.telegram.client",
    "provisioner.runs.customer_server",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.serialization",
    "email_validator",
    "paramiko",
    "telegram",
    "telegram.request",
    "yaml",
)


def main() -> None:
    for name in _MODULES:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a process with threads must not be forked"
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_serve(json.loads(line))), flush=True)


def _serve(requests: list[dict[str, Any]]) -> list[int | None]:
    """The exit codes; None for a process that did not end in time."""
    children = [_Child(request) for request in requests]
    while sum(child.lives() for child in children):
        time.sleep(0.002)
    return [child.code for child in children]


class _Child:
    """A process from its fork to its end."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._pid = os.fork()
        if self._pid == 0:
            _become(request)
        began = time.monotonic()
        self._deadline = began + request["timeout"]
        self._dies_at = began + request.get("kill_after", math.inf)
        self._ended = False
        self.code: int | None = None

    def lives(self) -> bool:
        """Whether it has not ended yet. It is killed here, when its time has come."""
        if self._ended:
            return False
        ended, status = os.waitpid(self._pid, os.WNOHANG)
        if ended:
            self._ended, self.code = True, os.waitstatus_to_exitcode(status)
        elif time.monotonic() > self._deadline:
            self._kill()
            os.waitpid(self._pid, 0)
            self._ended = True
        elif time.monotonic() > self._dies_at:
            self._kill()
        return not self._ended

    def _kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)


def _become(request: dict[str, Any]) -> None:
    """Be `provisioner` from here on; never returns."""
    code = 70
    try:
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, output), (2, output)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = ["provisioner", *request["words"]]
        failpoints.watch = Watch(request)
        from provisioner.cli.main import run

        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class Watch:
    """Writes down every failpoint that is passed, and lets happen what was asked for."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._trace = os.open(request["trace"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self._request = request
        self._lock = threading.Lock()
        self._passed = 0
        self._files = 0
        self._names = 0
        self._clock_runs_ahead = 0
        if "clock_at" in request:
            self._right_time = time.time
            time.time = lambda: self._right_time() + self._clock_runs_ahead
        if "names_fail_from" in request:
            self._resolve = socket.getaddrinfo
            socket.getaddrinfo = self._look_up

    def __call__(self, place: str) -> None:
        if self._pass(place) == self._request.get("pause_at"):
            self._strike()
            time.sleep(self._request["pause_seconds"])

    def _pass(self, place: str) -> int:
        """The number of the failpoint, if the process gets past it."""
        with self._lock:
            os.write(self._trace, f"{place}\n".encode())
            number = self._passed
            self._passed += 1
            if number == self._request.get("kill_at"):
                os.kill(os.getpid(), signal.SIGKILL)
            if number == self._request.get("clock_at"):
                self._strike()
                self._clock_runs_ahead = self._request["clock_seconds"]
            if place in FILE_PLACES:
                self._touch_file()
            return number

    def _touch_file(self) -> None:
        number = self._files
        self._files += 1
        if number == self._request.get("disk_fails_at"):
            self._strike()
            raise OSError(self._request["errno"], os.strerror(self._request["errno"]))

    def _look_up(self, host: Any, *words: Any, **more: Any) -> Any:
        if host == NAME:
            with self._lock:
                number = self._names - self._request["names_fail_from"]
                self._names += 1
                if 0 <= number < self._request["names_fail"]:
                    self._strike()
                    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._resolve(host, *words, **more)

    def _strike(self) -> None:
        os.write(self._trace, f"{STRUCK}\n".encode())


FILE_PLACES = ("before create", "before write", "after write", "before rename", "after rename")
"""Where the next thing that is done to a file may fail."""
NAME = "localhost"
"""The name of the host at which all services are."""
STRUCK = "! the fault"
"""A line in the trace."""

if __name__ == "__main__":
    main()
