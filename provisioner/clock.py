"""Time as a thing that can be handed in, so that whoever waits can be tested without waiting."""

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that pass, and passing them."""

    def monotonic(self) -> float:
        """Seconds since some moment; never jumps. For deadlines."""

    def time(self) -> float:
        """Seconds since 1970 as this machine believes; may jump. For what others count from 1970."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


SYSTEM_CLOCK: Clock = SystemClock()
