"""Files that one process holds at a time: the kernel lets go of them when it dies, however it does."""

import fcntl
import time
from pathlib import Path
from typing import IO, Final

_PAUSE: Final = 0.02


def hold(path: Path, *, wait: float = 0) -> IO[str] | None:
    """Take a file, made if it is not there, for as long as the returned one is open, or the process lives.

    None when another process has it, and still has it after `wait` seconds.
    """
    deadline = time.monotonic() + wait
    file = path.open("a+")
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                return None
            time.sleep(_PAUSE)
        else:
            return file
