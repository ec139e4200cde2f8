"""Locks that the kernel frees when their holder dies: `flock` on files that are never removed."""

import fcntl
import json
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioner import timestamps
from provisioner.errors import BusyError
from provisioner.filesystem import durable

# A look at who holds a lock takes it for a moment, shared: a claim gives that moment time to pass.
A_LOOK_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 0.02


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
        if not _take(handle, wait_seconds):
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
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(handle)
    else:
        return None
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    path.parent.mkdir(mode=durable.PRIVATE_FOLDER, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, durable.PRIVATE_FILE)


def _take(handle: int, wait_seconds: float) -> bool:
    """Polled, because a blocking `flock` has no deadline."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(random.uniform(0.0005, _LONGEST_PAUSE_SECONDS))
        else:
            return True


def _sign(handle: int, doing: str) -> None:
    holder = Holder(os.getpid(), timestamps.now(), doing, socket.gethostname())
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)


def _read_holder(handle: int) -> Holder:
    try:
        return Holder(**json.loads(os.pread(handle, 4096, 0)))
    except (ValueError, TypeError):
        return Holder(0, "an unknown time", "it did not say what", "an unknown machine")
