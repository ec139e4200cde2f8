"""Locks that say who holds them, on files that are never removed."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioner import timestamps
from provisioner.errors import BusyError
from provisioner.filesystem import durable
from provisioner.filesystem.flock import take

# A look at who holds a lock takes it for a moment, shared: a claim gives that moment time to pass.
A_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: the process, since when, what it does, and on which machine."""

    pid: int
    since: str
    doing: str
    host: str

    @property
    def who(self) -> str:
        return f"process {self.pid} on {self.host}"

    def __str__(self) -> str:
        return f"{self.who} holds it since {self.since}: {self.doing}"


@contextmanager
def locked(path: Path, doing: str, whom: str, wait_seconds: float) -> Iterator[None]:
    """Hold the lock at `path`; BusyError naming the holder if it is not free within `wait_seconds`."""
    with durable.explained("lock the record", whom):
        handle = _open(path)
    try:
        if not take(handle, wait_seconds):
            raise BusyError(
                doing,
                whom=None if whom in doing else whom,
                cause=str(_read_holder(handle)),
                hint="wait until it has ended, then run the same command again",
                retry=True,
            )
        with durable.explained("lock the record", whom):
            _sign(handle, doing)
        yield
    finally:
        os.close(handle)


def holder_of(path: Path) -> Holder | None:
    """Who holds the lock at `path` now; None if nobody alive does."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise durable.refused(problem, "see who holds the record", path.name) from problem
    try:
        return None if take(handle, 0, shared=True) else _read_holder(handle)
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    path.parent.mkdir(mode=durable.PRIVATE_FOLDER, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, durable.PRIVATE_FILE)


def _sign(handle: int, doing: str) -> None:
    holder = Holder(os.getpid(), timestamps.now(), doing, os.uname().nodename)
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)


def _read_holder(handle: int) -> Holder:
    try:
        return Holder(**json.loads(os.pread(handle, 4096, 0)))
    except (ValueError, TypeError):
        return Holder(0, "an unknown time", "it did not say what", "an unknown machine")
