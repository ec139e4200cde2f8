"""Who is signed in, and for how long."""

from pathlib import Path

import pytest

from provisioner.web.access.sessions import IDLE, WHOLE, Sessions
from provisioner.web.access.throttle import Throttle
from tests.web.access.test_operators import Time


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def sessions(tmp_path: Path, time: Time) -> Sessions:
    return Sessions(tmp_path / "web", time)


def test_a_session_is_known_by_its_id_alone(sessions: Sessions, tmp_path: Path) -> None:
    new = sessions.begin("op1")
    found = sessions.find(new)
    assert found is not None
    assert found.operator == "op1"
    assert sessions.find(new + "x") is None
    file = tmp_path / "web" / "sessions.json"
    assert new not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_it_outlives_the_process(sessions: Sessions, tmp_path: Path, time: Time) -> None:
    new = sessions.begin("op1")
    assert Sessions(tmp_path / "web", time).find(new) is not None


def test_the_one_that_the_browser_came_with_ends(sessions: Sessions) -> None:
    old = sessions.begin("op1")
    new = sessions.begin("op1", instead_of=old)
    assert sessions.find(old) is None
    assert sessions.find(new) is not None


def test_it_ends_where_nobody_comes_for_hours(sessions: Sessions, time: Time) -> None:
    new = sessions.begin("op1")
    time.goes(seconds=IDLE.total_seconds() - 1)
    found = sessions.find(new)
    assert found is not None
    sessions.note(new, found)
    time.goes(seconds=IDLE.total_seconds() - 1)
    assert sessions.find(new) is not None
    time.goes(seconds=2)
    assert sessions.find(new) is None


def test_it_ends_after_days_however_busy(sessions: Sessions, time: Time) -> None:
    new = sessions.begin("op1")
    for _ in range(int(WHOLE / IDLE) * 2 - 1):
        time.goes(seconds=IDLE.total_seconds() / 2)
        found = sessions.find(new)
        assert found is not None
        sessions.note(new, found)
    time.goes(seconds=IDLE.total_seconds() / 2)
    assert sessions.find(new) is None


def test_signing_out_ends_one_and_a_new_password_all(sessions: Sessions) -> None:
    first, second, other = sessions.begin("op1"), sessions.begin("op1"), sessions.begin("op2")
    sessions.end(first)
    assert [sessions.find(one) is None for one in (first, second, other)] == [True, False, False]
    sessions.end_all(["op1"])
    assert [sessions.find(one) is None for one in (first, second, other)] == [True, True, False]


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_is_wrong_too_often_waits_until_the_first_of_it_is_long_ago() -> None:
    clock = Seconds()
    throttle = Throttle(3, clock)
    for _ in range(3):
        assert throttle.wait_seconds("ada") == 0
        throttle.fail("ada")
        clock.now += 10
    assert throttle.wait_seconds("ada") == 870
    assert throttle.wait_seconds("ben") == 0
    clock.now = 900
    assert throttle.wait_seconds("ada") == 0
    throttle.fail("ada")
    assert throttle.wait_seconds("ada") == 10


def test_who_was_right_begins_anew() -> None:
    throttle = Throttle(1, Seconds())
    throttle.fail("ada")
    throttle.forget("ada")
    assert throttle.wait_seconds("ada") == 0


def test_thousands_of_names_do_not_fill_the_memory() -> None:
    throttle = Throttle(1, Seconds())
    for number in range(11_000):
        throttle.fail(str(number))
    assert len(throttle._failures) <= 10_000
    assert throttle.wait_seconds("10999") > 0
