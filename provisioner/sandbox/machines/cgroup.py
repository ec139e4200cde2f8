"""Control groups: every process of a machine is in one, so killing it kills the machine and nothing else.

A process id can be taken by a stranger once its owner is gone; membership of a group cannot.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from provisioner.errors import SandboxError

_MOUNT: Final = Path("/sys/fs/cgroup")
_MEMORY: Final = "memory"
_EMPTY_WITHIN: Final = 60.0
"""The kernel has them end at once, unless a busy machine gives them no time to."""
_PAUSE: Final = 0.01


def names() -> set[str]:
    """The names of the groups at the top of this machine's hierarchies."""
    return {entry.name for top in _tops() for entry in top.iterdir() if entry.is_dir()}


def limits_memory() -> bool:
    """Whether this host lets the memory of a group be limited; a unified hierarchy is told to."""
    if not _unified():
        return _MOUNT / _MEMORY in _tops()
    shared = _MOUNT / "cgroup.subtree_control"
    if _MEMORY not in shared.read_text().split():
        # In a container its top has processes of its own, and then it is refused.
        with suppress(OSError):
            shared.write_text(f"+{_MEMORY}")
    return _MEMORY in shared.read_text().split()


class ControlGroup:
    """A group at the top of each hierarchy that service managers use, and of the one that limits memory.

    All of these are one hierarchy on most systems; on older ones each has its own.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.folders = tuple(top / name for top in _tops())

    def create(self) -> None:
        for folder in self.folders:
            folder.mkdir(exist_ok=True)

    def entering(self, argv: list[str]) -> list[str]:
        """The command that puts itself into the group and then becomes `argv`."""
        joins = [f"echo $$ > '{folder}/cgroup.procs'" for folder in self.folders]
        return ["/bin/sh", "-c", " && ".join([*joins, 'exec "$@"']), "sh", *argv]

    def kill(self) -> None:
        """Kill every process in the group and wait until none is left."""
        deadline = time.monotonic() + _EMPTY_WITHIN
        while members := set(self._members()):
            if time.monotonic() > deadline:
                raise SandboxError(
                    "stop a machine",
                    whom=self.name,
                    cause=f"processes {sorted(members)} outlive being killed by {_EMPTY_WITHIN:g} s",
                )
            self._kill_once(members)
            time.sleep(_PAUSE)

    def remove(self) -> None:
        """Take the empty group away, with the groups that the machine made in it."""
        for folder in self.folders:
            for path, _folders, _files in os.walk(folder, topdown=False):
                _remove_soon(Path(path))

    def _kill_once(self, members: set[int]) -> None:
        switches = [folder / "cgroup.kill" for folder in self.folders]
        for switch in filter(Path.exists, switches):
            switch.write_text("1")
        for pid in members & set(self._members()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _members(self) -> Iterator[int]:
        for folder in self.folders:
            for path, _folders, _files in os.walk(folder):
                yield from _read_pids(Path(path) / "cgroup.procs")


def _read_pids(path: Path) -> list[int]:
    try:
        return [int(line) for line in path.read_text().split() if line != "0"]
    except (FileNotFoundError, OSError):
        return []


def _remove_soon(folder: Path) -> None:
    """A group stays busy for a moment after its last process has ended."""
    deadline = time.monotonic() + _EMPTY_WITHIN
    while folder.exists():
        try:
            folder.rmdir()
        except OSError as error:
            if time.monotonic() > deadline:
                raise SandboxError("remove a control group", whom=folder.name, cause=error) from error
            time.sleep(_PAUSE)


def _unified() -> bool:
    return (_MOUNT / "cgroup.controllers").exists()


def _tops() -> list[Path]:
    if _unified():
        return [_MOUNT]
    tops = [top for top in (_MOUNT / "systemd", _MOUNT / "unified") if (top / "cgroup.procs").exists()]
    if not tops:
        raise SandboxError("use control groups", cause=f"nothing is mounted at {_MOUNT}")
    memory = _MOUNT / _MEMORY
    if (memory / "cgroup.procs").exists() and os.access(memory, os.W_OK):
        tops.append(memory)
    return tops
