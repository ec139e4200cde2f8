"""The account's own time, which can be moved on, and the calendar by which subscriptions are billed."""

import calendar
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

HOUR: Final = 3600
DAY: Final = 24 * HOUR


class StripeClock:
    """Seconds since 1970, ahead of the machine's clock by what it was moved on."""

    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._ahead = 0.0
        self._held: int | None = None

    @property
    def ahead(self) -> float:
        """By how many seconds it was moved on."""
        return self._ahead

    def now(self) -> int:
        return int(self._real() + self._ahead) if self._held is None else self._held

    def exact(self) -> float:
        """With the fraction of the second."""
        return self._real() + self._ahead

    def move_on(self, seconds: float) -> None:
        self._ahead += seconds

    @contextmanager
    def held_at(self, moment: int) -> Iterator[None]:
        """While the block runs it is this moment: what came due then happens then."""
        before, self._held = self._held, moment
        try:
            yield
        finally:
            self._held = before


def after(anchor: int, moment: int, interval: str, count: int) -> int:
    """The first end of a period after `moment`, for periods of `count` intervals that began at `anchor`.

    Months keep the anchor's day where they have it: from January 31st, the next ends on February 28th.
    """
    if interval in ("day", "week"):
        length = count * (DAY if interval == "day" else 7 * DAY)
        return anchor + ((moment - anchor) // length + 1) * length
    months = count * (12 if interval == "year" else 1)
    periods = 0
    while (end := in_months(anchor, periods * months)) <= moment:
        periods += 1
    return end


def in_months(moment: int, months: int) -> int:
    """The same day so many months later, or the last that the month has."""
    start = datetime.fromtimestamp(moment, UTC)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def in_days(moment: int, days: float) -> int:
    return int((datetime.fromtimestamp(moment, UTC) + timedelta(days=days)).timestamp())
