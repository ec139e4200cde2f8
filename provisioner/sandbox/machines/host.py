"""What the sandbox needs of the machine that it runs on, and the one way in which it runs commands there."""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from provisioner.errors import SandboxError

PACKAGE_OF: Final = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "nft": "nftables",
    "ip": "iproute2",
}
"""Commands that the sandbox runs, with the Debian package that brings each."""

_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TAIL: Final = 400
_CAPABILITIES: Final = (12, 21, 27)
"""The numbers of CAP_NET_ADMIN, CAP_SYS_ADMIN and CAP_MKNOD."""


def run(
    *argv: str | Path,
    timeout: float = 60,
    text: str | None = None,
    accept: Sequence[int] = (0,),
    log: Path | None = None,
) -> str:
    """Run a command and return what it wrote to its standard output.

    `timeout` is in seconds, `text` goes to its standard input, `accept` are the exit codes that are no
    failure; with `log`, both outputs go to the end of that file instead and the answer is empty. Raises
    `SandboxError`, with the last words of the command in it.
    """
    words = [str(word) for word in argv]
    try:
        finished = _finish(words, timeout, text, log)
    except FileNotFoundError as error:
        raise _failed(words, f"there is no command {words[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise _failed(words, f"it had not ended after {timeout:g} s", retry=True) from error
    if finished.returncode not in accept:
        said = log.read_text(errors="replace") if log else finished.stderr or finished.stdout
        raise _failed(words, f"exit code {finished.returncode}: {said.strip()[-_TAIL:]}")
    return finished.stdout or ""


def missing() -> str | None:
    """What this machine lacks to run the sandbox, in one line; None when it has everything."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        return "the sandbox runs real systems: it needs Linux and root"
    if not _privileged(Path("/proc/self/status").read_text()):
        return "the sandbox needs root with all its rights: in a container, one that was started privileged"
    packages = lacking_packages()
    if not packages:
        return None
    commands = ", ".join(name for name in PACKAGE_OF if not _has(name))
    return f"the sandbox needs {commands}: apt-get install {' '.join(packages)}"


def require() -> None:
    """Raise `SandboxError` with the line of `missing()`, if there is one."""
    if line := missing():
        raise SandboxError("start the sandbox", cause=line)


def lacking_packages() -> tuple[str, ...]:
    """The Debian packages to install before the sandbox can run here; empty when there is nothing to do."""
    return tuple(package for command, package in PACKAGE_OF.items() if not _has(command))


def _privileged(status: str) -> bool:
    """Whether a process of this /proc/<pid>/status may make networks, mounts, devices (capabilities(7))."""
    granted = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return all(int(granted, 16) >> number & 1 for number in _CAPABILITIES)


def _has(command: str) -> bool:
    return shutil.which(command, path=_SYSTEM_PATH) is not None


def _finish(
    words: list[str], timeout: float, text: str | None, log: Path | None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": _SYSTEM_PATH, "LC_ALL": "C.UTF-8"}
    if log is None:
        return subprocess.run(
            words,
            input=text or "",
            timeout=timeout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    with log.open("a") as sink:
        return subprocess.run(
            words,
            input=text or "",
            timeout=timeout,
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def _failed(words: list[str], cause: str, *, retry: bool = False) -> SandboxError:
    return SandboxError(f"run `{' '.join(words)[:160]}`", cause=cause, retry=retry)
