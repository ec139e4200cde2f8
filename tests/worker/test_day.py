"""An hour of `serve`, in seconds, with customers who come, pay late and leave while services fail."""

import pytest

from tests.worker.day.day import Course, a_day


@pytest.mark.timeout(120)
def test_in_an_hour_nothing_is_lost_and_nobody_is_told_twice() -> None:
    seen = a_day(Course(customers=6, hours=1, minutes=0.1, grace_days=0, unpaid_leave=False))

    assert seen.wrong == []
    assert seen.busiest_minute <= 240
    assert seen.alerts, "the operator is told something on such a day"
