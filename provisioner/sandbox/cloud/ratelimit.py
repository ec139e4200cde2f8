"""How often a token may call: two sliding windows, and the headers that tell how far it is.

The specification gives 5000 requests an hour and 250 a minute; only the answer about the minute carries
`retry-after`. Whether a refused request counts is not specified: here it does not.
"""

import math
import time
from collections import deque
from collections.abc import Callable

from provisioner.sandbox.cloud.errors import CloudApiError, too_many_requests

HOUR = 3600.0
MINUTE = 60.0


class Window:
    """The moments of the requests in the last `seconds`, oldest first."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._now = now
        self._moments: deque[float] = deque()

    def used(self) -> int:
        oldest_kept = self._now() - self._seconds
        while self._moments and self._moments[0] <= oldest_kept:
            self._moments.popleft()
        return len(self._moments)

    def add(self) -> None:
        self._moments.append(self._now())

    def free_at(self) -> float:
        """When the oldest request falls out, in seconds since the epoch."""
        oldest = self._moments[0] if self._moments else self._now()
        return oldest + self._seconds

    def clear(self) -> None:
        self._moments.clear()

    def headers(self, limit: int) -> dict[str, str]:
        return {
            "ratelimit-limit": str(limit),
            "ratelimit-remaining": str(max(0, limit - self.used())),
            "ratelimit-reset": str(math.ceil(self.free_at())),
        }


class RateLimits:
    """The windows of one token."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.hour = Window(HOUR, now)
        self.minute = Window(MINUTE, now)
        self.key_lists = Window(MINUTE, now)

    def take(self, hourly_limit: int, minute_limit: int) -> None:
        """Count one request, or raise the 429 that it gets."""
        if self.hour.used() >= hourly_limit:
            raise too_many_requests(self.hour.headers(hourly_limit))
        if self.minute.used() >= minute_limit:
            raise self._burst(hourly_limit)
        self.hour.add()
        self.minute.add()

    def take_key_list(self, limit: int) -> None:
        """Count one listing of the account's keys, or raise the 429 that it gets."""
        if self.key_lists.used() >= limit:
            raise too_many_requests(self.key_lists.headers(limit))
        self.key_lists.add()

    def clear(self) -> None:
        for window in (self.hour, self.minute, self.key_lists):
            window.clear()

    def _burst(self, hourly_limit: int) -> CloudApiError:
        wait = max(1, math.ceil(self.minute.free_at() - self._now()))
        return too_many_requests({**self.hour.headers(hourly_limit), "retry-after": str(wait)})
