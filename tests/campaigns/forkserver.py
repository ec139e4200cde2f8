"""Forks processes that have everything imported already, and are then `provisioner` with its arguments.

`python -m tests.campaigns.forkserver` reads one request a line, as JSON, and answers each when its process
has ended. A campaign starts thousands of them: a real process each time, with a pid of its own that a SIGKILL
ends, but without the time that the imports take.
"""

import contextlib
import importlib
import json
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
    "provisioner.cli.commands.provision",
    "provisioner.cli.commands.tracking",
    "provisioner.cli.output.job_results",
    "provisioner.cli.output.live",
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


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    pid = os.fork()
    if pid == 0:
        _become(request)
    deadline = time.monotonic() + request["timeout"]
    kill_after = request.get("kill_after")
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return {"code": os.waitstatus_to_exitcode(status)}
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return {"code": None}
        time.sleep(0.002)


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
