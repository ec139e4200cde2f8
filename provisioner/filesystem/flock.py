"""Files that one process holds at a time: the kernel lets go of them when it dies, however it does."""

import fcntl
import random
import time
from pathlib import Path
from typing import IO, Final

_LONGEST_PAUSE_SECONDS: Final = 0.02


def take(handle: int, wait_seconds: float | None = None, *, shared: bool = False) -> bool:
    """Lock an open file until it is closed; False if another one still has it after `wait_seconds`.

    Without a deadline it waits as long as it takes. What is `shared` is kept from nobody but who wants it
    alone.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    if wait_seconds is None:
        fcntl.flock(handle, kind)
        return True
    deadline = time.monotonic() + wait_seconds
    # Polled, because a blocking `flock` has no deadline.
    while not _is_free(handle, kind):
        if time.monotonic() >= deadline:
            return False
        time.sleep(random.uniform(0.0005, _LONGEST_PAUSE_SECONDS))
    return True


def hold(path: Path, *, wait: float = 0) -> IO[str] | None:
    """Take a file, made if it is not there, for as long as the returned one is open, or the process lives.

    None when another process has it, and still has it after `wait` seconds.
    """
    file = path.open("a+")
    if take(file.fileno(), wait):
        return file
    file.close()
    return None


def _is_free(handle: int, kind: int) -> bool:
    """Whether the lock could be taken at once; it is then."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
