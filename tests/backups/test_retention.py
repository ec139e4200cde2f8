from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.backups.retention import Taken, superseded

DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 23, 3, tzinfo=UTC)


def daily(count: int, until: datetime = MONDAY) -> list[Taken]:
    """One on each day, named after how many days ago it was taken."""
    return [Taken(str(ago), until - ago * DAY) for ago in range(count)]


@pytest.mark.parametrize(
    ("backups", "days", "weeks", "going"),
    [
        ([], 7, 4, []),
        (daily(1), 7, 4, []),
        (daily(7), 7, 0, []),
        (daily(9), 7, 0, ["8", "7"]),
        # Sundays, which were the last of their weeks, stay: 1, 8 and 15 days before this Monday.
        (daily(20), 7, 4, ["19", "18", "17", "16", "14", "13", "12", "11", "10", "9", "7"]),
        ([Taken("early", MONDAY), Taken("late", MONDAY + timedelta(hours=3))], 7, 4, ["early"]),
        # Days without one do not count: nothing goes while no new one comes.
        (daily(3, MONDAY - 300 * DAY), 7, 4, []),
    ],
)
def test_which_may_go(backups: list[Taken], days: int, weeks: int, going: list[str]) -> None:
    assert superseded(backups, days, weeks) == going


def test_one_that_is_protected_stays() -> None:
    assert superseded(daily(9), 7, 0, protected=["8"]) == ["7"]


@given(st.lists(st.integers(0, 60 * 24), unique=True, max_size=40), st.integers(1, 10), st.integers(0, 6))
def test_the_newest_stays_and_no_more_than_the_policy_says(hours: list[int], days: int, weeks: int) -> None:
    backups = [Taken(str(number), MONDAY - timedelta(hours=number)) for number in hours]

    going = superseded(backups, days, weeks)
    kept = [one for one in backups if one.name not in going]

    assert len(kept) <= days + weeks
    assert not backups or max(backups, key=lambda one: one.at) in kept
    assert superseded(kept, days, weeks) == []
