"""Forks processes that have everything imported already, and are then `provisioner` with its arguments.

`python -m tests.campaigns.zygote` reads one request a line, as JSON, and answers each when its process has
ended. A campaign starts thousands of them: a real process each time, with a pid of its own that a SIGKILL
ends, but without the time that the imports take.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from typing import Any

from provisioner import boundaries

_MODULES = (
    "provisioner.cli.main",
    "provisioner.cli.endings",
    "provisioner.cli.live",
    "provisioner.fleet",
    "provisioner.runner",
    "provisioner.settings",
    "provisioner.standings",
    "provisioner.services.digitalocean",
    "provisioner.services.fleet_cloud",
    "provisioner.services.mail",
    "provisioner.services.telegram",
    "provisioner.remote.customer_server",
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
        with contextlib.suppress(ModuleNotFoundError):
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
        boundaries.watch = Watch(request)
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
    """Writes down every boundary that is passed, and acts at one of them."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._trace = os.open(request["trace"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self._kill_at = request.get("kill_at")
        self._fail_at = request.get("fail_at")
        self._errno = request.get("errno", 0)
        self._passed = 0
        self._writes = 0

    def __call__(self, place: str) -> None:
        os.write(self._trace, f"{place}\n".encode())
        if self._passed == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._passed += 1
        if place in FILE_PLACES:
            if self._writes == self._fail_at:
                self._writes += 1
                raise OSError(self._errno, os.strerror(self._errno))
            self._writes += 1


FILE_PLACES = ("before create", "before write", "after write", "before rename", "after rename")
"""Where the next thing that is done to a file may fail."""

if __name__ == "__main__":
    main()
