"""Which backups may go: pure."""

from collections.abc import Callable, Collection, Hashable, Sequence
from datetime import datetime
from typing import NamedTuple


class Taken(NamedTuple):
    """One backup, and when it was taken."""

    name: str
    at: datetime


def superseded(
    backups: Sequence[Taken], daily: int, weekly: int, protected: Collection[str] = ()
) -> list[str]:
    """The names of those that the policy does not keep, the oldest first.

    Kept are the newest of each of the last `daily` days and `weekly` weeks that have any, so that nothing
    goes while no new one comes; the newest of all; and those that are `protected`.
    """
    newest_first = sorted(backups, key=lambda one: one.at, reverse=True)
    kept = {
        *protected,
        *(one.name for one in newest_first[:1]),
        *_newest_of_each(newest_first, daily, lambda at: at.date()),
        *_newest_of_each(newest_first, weekly, lambda at: at.isocalendar()[:2]),
    }
    return [one.name for one in reversed(newest_first) if one.name not in kept]


def _newest_of_each(
    newest_first: Sequence[Taken], most: int, period: Callable[[datetime], Hashable]
) -> list[str]:
    newest: dict[Hashable, str] = {}
    for one in newest_first:
        newest.setdefault(period(one.at), one.name)
    return list(newest.values())[:most]
