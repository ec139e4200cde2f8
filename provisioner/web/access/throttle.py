"""How often somebody may be wrong before they have to wait."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Final

_WINDOW_SECONDS: Final = 900.0
_MOST_KEYS: Final = 10_000


class Throttle:
    """Counts failures by what they have in common (an address, a name), in a window that moves with time."""

    def __init__(self, allowed: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowed = allowed
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}
        self._lock = Lock()

    def wait_seconds(self, key: str) -> float:
        """For how long nobody with this key is listened to; 0 if they are."""
        with self._lock:
            failures = self._failures.get(key)
            if failures is None or len(failures) < self._allowed:
                return 0.0
            return max(0.0, failures[0] + _WINDOW_SECONDS - self._clock())

    def fail(self, key: str) -> None:
        """One more failure."""
        with self._lock:
            self._forget_old()
            self._failures.setdefault(key, deque(maxlen=self._allowed)).append(self._clock())

    def forget(self, key: str) -> None:
        """Whoever it was knows the password after all."""
        with self._lock:
            self._failures.pop(key, None)

    def _forget_old(self) -> None:
        """Who tries thousands of names must not fill the memory."""
        if len(self._failures) < _MOST_KEYS:
            return
        since = self._clock() - _WINDOW_SECONDS
        recent = {key: failures for key, failures in self._failures.items() if failures[-1] > since}
        while len(recent) >= _MOST_KEYS:
            del recent[next(iter(recent))]
        self._failures = recent
