"""Shutting many runs down at once: each ends at its next step forward, never in the middle of a write."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from provisioner.clock import SystemClock


class ShuttingDown(BaseException):
    """The operator has asked for it; like KeyboardInterrupt it is nobody's error to handle."""


class Closable(Protocol):
    def close(self) -> None: ...


class Shutdown:
    """A request to shut down that all runs of a process see."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._lock = threading.Lock()
        self._closables: list[Closable] = []

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def request(self) -> None:
        """From here on `check` raises; connections are closed, so that nobody waits on a server."""
        self._requested.set()
        with self._lock:
            closables = list(self._closables)
        for one in closables:
            one.close()

    def check(self) -> None:
        """ShuttingDown if it was requested."""
        if self.requested:
            raise ShuttingDown

    def wait(self, seconds: float) -> None:
        """Sleep; ShuttingDown as soon as it is requested."""
        if self._requested.wait(max(0.0, seconds)):
            raise ShuttingDown

    @contextmanager
    def closes(self, one: Closable) -> Iterator[None]:
        """Have this closed when it is requested while the block lasts."""
        with self._lock:
            self._closables.append(one)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._closables.remove(one)


class InterruptibleClock(SystemClock):
    """The machine's own time, whose waits end with ShuttingDown when that is requested."""

    def __init__(self, shutdown: Shutdown) -> None:
        self._shutdown = shutdown

    def sleep(self, seconds: float) -> None:
        self._shutdown.wait(seconds)
