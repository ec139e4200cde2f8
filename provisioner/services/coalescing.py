"""One look for everybody who asks at about the same time."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, NoReturn, TypeVar

from provisioner.clock import Clock

_T = TypeVar("_T")

_GATHER_SECONDS = 0.1
"""How long the first one who asks waits for others: those who heard the last look together ask together."""
_WAKE_SECONDS = 0.5


class SharedLook(Generic[_T]):
    """Answers each question with a look that began after it was asked, and takes few looks for many.

    Looks follow one another by at least `interval` seconds, and there is never more than one at a time: one
    of those who ask takes it. An error of a look is raised to all who waited for it.
    """

    def __init__(
        self, look: Callable[[], _T], clock: Clock, interval: float, *, gather: float = _GATHER_SECONDS
    ) -> None:
        self._look = look
        self._clock = clock
        self._gather = gather
        self._interval = interval
        self._change = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._ended_at = clock.monotonic() - interval
        self._taken = False
        self._result: Callable[[], _T]

    def fresh(self) -> _T:
        """What a look shows that begins after this call."""
        with self._change:
            wanted = self._begun + 1
        while True:
            with self._change:
                if self._ended >= wanted:
                    break
                if self._taken:
                    self._change.wait(_WAKE_SECONDS)
                    mine = False
                else:
                    self._taken = mine = True
            if mine:
                self._take()
            else:
                # Where the clock can be stopped, this is where those who wait hear of it.
                self._clock.sleep(0)
        return self._result()

    def _take(self) -> None:
        try:
            due = self._ended_at + self._interval - self._clock.monotonic()
            self._clock.sleep(max(0.0, due) + self._gather)
            with self._change:
                self._begun += 1
            result = outcome(self._look)
            with self._change:
                self._result, self._ended = result, self._begun
        finally:
            with self._change:
                self._ended_at = self._clock.monotonic()
                self._taken = False
                self._change.notify_all()


def outcome(look: Callable[[], _T]) -> Callable[[], _T]:
    """What the look ended with, to be had again by each."""
    try:
        value = look()
    except Exception as error:
        return partial(_raise, error)
    return lambda: value


def _raise(error: Exception) -> NoReturn:
    raise error.with_traceback(None)
