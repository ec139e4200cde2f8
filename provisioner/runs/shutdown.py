"""Stopping many runs at once: each ends at its next step forward, never in the middle of a write."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from provisioner.clock import SystemClock


class Stopped(BaseException):
    """The operator has asked to stop; like KeyboardInterrupt it is nobody's error to handle."""


class Closable(Protocol):
    def close(self) -> None: ...


class Stop:
    """A wish to stop that all runs of a process see."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._attended: list[Closable] = []

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        """From here on `check` raises; connections are closed, so that nobody waits on a server."""
        self._asked.set()
        with self._lock:
            attended = list(self._attended)
        for one in attended:
            one.close()

    def check(self) -> None:
        """Stopped if it was asked for."""
        if self.asked:
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Sleep; Stopped as soon as it is asked for."""
        if self._asked.wait(max(0.0, seconds)):
            raise Stopped

    @contextmanager
    def attend(self, one: Closable) -> Iterator[None]:
        """Have this closed when it is asked for while the block lasts."""
        with self._lock:
            self._attended.append(one)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._attended.remove(one)


class StoppableClock(SystemClock):
    """The machine's own time, whose waits end with Stopped when stopping is asked for."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
