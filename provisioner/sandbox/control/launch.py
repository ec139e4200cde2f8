"""Bringing a sandbox up and down from outside: the process of its own, and waiting for what becomes of it."""

import contextlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from provisioner.errors import SandboxError
from provisioner.sandbox.control.options import Options
from provisioner.sandbox.control.socket_http import NoResponse, NotListening, ask
from provisioner.sandbox.control.state import ALREADY_UP, StateFolder
from provisioner.sandbox.machines import host
from provisioner.sandbox.machines.cache import Say

UP_WITHIN: Final = 900.0
"""Seconds; the first start of all builds the base image."""
DOWN_WITHIN: Final = 150.0
"""Seconds; a machine may take a minute to halt."""
_KILL_AFTER: Final = 5.0
_LOG_LINES: Final = 2
_PAUSE: Final = 0.05
_MOMENT: Final = 2.0
"""Seconds; who waits longer is told for what."""
_ANSWER_WITHIN: Final = 5.0


@contextlib.contextmanager
def lifeline() -> Iterator[int]:
    """A pipe for `up`: the sandbox stops by itself after the block, and when this process dies inside it."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


def up(options: Options, say: Say, *, within: float = UP_WITHIN, lifeline: int | None = None) -> bool:
    """Start the sandbox in the background and wait until it answers; False if it was up already.

    It stays up until somebody stops it, or until the writing end of the pipe `lifeline` is closed. Raises
    SandboxError with the reason, and where the log is.
    """
    folder = options.folder
    require_parts()
    if not options.pretend:
        host.require()
    folder.prepare()
    deadline = time.monotonic() + within
    while not _served(folder, deadline):
        with contextlib.suppress(_BeatenToIt):
            _start(options, say, deadline - time.monotonic(), lifeline)
            return True
    return False


def require_parts() -> None:
    """SandboxError where the product was installed without what only the sandbox needs."""
    if importlib.util.find_spec("aiosmtpd") is None:
        cause = "the product was installed without the sandbox's parts"
        raise SandboxError("start the sandbox", cause=cause, hint="pip install 'provisioner[sandbox]'")


class _BeatenToIt(SandboxError):
    """Another process took the folder between our look and our start."""


def _served(folder: StateFolder, deadline: float) -> bool:
    """Whether a process holds the folder and answers; one that is starting, or dying, is waited for."""
    while is_up(folder):
        if _answers(folder):
            return True
        if time.monotonic() > deadline:
            cause = "another process has its folder and does not answer"
            hint = f"stop it with `provisioner sandbox down`; its log is {folder.log}"
            raise SandboxError("start the sandbox", whom=str(folder.path), cause=cause, hint=hint)
        time.sleep(_PAUSE)
    return False


def _answers(folder: StateFolder) -> bool:
    with contextlib.suppress(NotListening, NoResponse):
        return ask(folder, "GET", "/status", timeout=_ANSWER_WITHIN).good
    return False


def _start(options: Options, say: Say, within: float, lifeline: int | None) -> None:
    ours, theirs = os.pipe()
    try:
        try:
            process = _spawn(options, theirs, lifeline)
        finally:
            os.close(theirs)
        try:
            _await_ready(options.folder, ours, say, within)
        except BaseException:
            _end(process)
            raise
    finally:
        os.close(ours)
    # It is on its own from here: nobody waits for its exit code.
    process.returncode = 0


def down(folder: StateFolder, say: Say = lambda _: None, *, within: float = DOWN_WITHIN) -> bool:
    """Stop the sandbox and wait until nothing is left of it; False if it was not up.

    Cleans up after one that crashed. A process that does not end is killed, and cleaned up after. `say` is
    told what is waited for.
    """
    if not folder.exists():
        return False
    held = folder.hold()
    was_up = held is None
    if held is None:
        _ask_to_stop(folder, min(within, _ANSWER_WITHIN))
        held = folder.hold(wait=min(within, _MOMENT))
    if held is None:
        say(f"waiting for its machines to stop, {within:g} s at most; its log is {folder.log}")
        held = folder.hold(wait=within)
    if held is None:
        say(f"killing process {folder.pid()}, which does not end")
        _kill(folder)
        held = folder.hold(wait=_KILL_AFTER)
    if held is None:
        raise SandboxError("stop the sandbox", whom=str(folder.path), cause="its process does not end")
    if not was_up and folder.has_machines:
        say("clearing away the machines of a sandbox whose process is gone")
    with held:
        folder.sweep()
    return was_up


def is_up(folder: StateFolder) -> bool:
    """Whether a process holds the folder now; it may still be starting."""
    if not folder.exists():
        return False
    held = folder.hold()
    if held is None:
        return True
    held.close()
    return False


def _spawn(options: Options, reports: int, lifeline: int | None) -> "subprocess.Popen[bytes]":
    inherited = [reports] if lifeline is None else [reports, lifeline]
    command = [
        sys.executable,
        "-m",
        "provisioner.sandbox.control.server",
        options.model_dump_json(),
        *map(str, inherited),
    ]
    descriptor = os.open(options.folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=inherited,
            # Ctrl-C in the terminal that started it is not meant for it.
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(descriptor)


def _await_ready(folder: StateFolder, reports: int, say: Say, within: float) -> None:
    for report in _reports(reports, within):
        if "ready" in report:
            return
        if "error" in report:
            hint = report["error"]["hint"] or f"the log is {folder.log}"
            kind = _BeatenToIt if report["error"]["cause"] == ALREADY_UP else SandboxError
            raise kind("start the sandbox", cause=report["error"]["cause"], hint=hint)
        say(str(report["say"]))
    raise SandboxError("start the sandbox", cause=_last_words(folder), hint=f"the log is {folder.log}")


def _reports(descriptor: int, within: float) -> Iterator[dict[str, Any]]:
    """What the process tells, until it closes its end."""
    deadline = time.monotonic() + within
    rest = b""
    while True:
        readable, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        if not readable:
            raise SandboxError("start the sandbox", cause=f"it was not ready after {within:g} s")
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines)


def _last_words(folder: StateFolder) -> str:
    lines = folder.log.read_text(errors="replace").splitlines() if folder.log.exists() else []
    return " / ".join(lines[-_LOG_LINES:]) or "its process ended without a word"


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_KILL_AFTER)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ask_to_stop(folder: StateFolder, within: float) -> None:
    """Over its socket; by signal if it does not answer there, as while it starts."""
    with contextlib.suppress(NotListening, NoResponse):
        if ask(folder, "POST", "/stop", timeout=within).good:
            return
    _signal(folder, signal.SIGTERM)


def _kill(folder: StateFolder) -> None:
    _signal(folder, signal.SIGKILL)


def _signal(folder: StateFolder, number: int) -> None:
    """The pid is that of the process that holds the lock: the holder writes it before it does anything."""
    pid = folder.pid()
    if pid is not None and folder.hold() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
