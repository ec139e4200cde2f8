"""Who may come in: roles, links that are good once, and a file that has no secret in it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from provisioner.errors import InputError
from provisioner.timestamps import present
from provisioner.web.access.operators import LINK_MINUTES, Operators
from provisioner.web.access.passwords import fits, hash_of
from tests.dying import killed_at


class Time:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = present()

    def __call__(self) -> datetime:
        return self.now

    def goes(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def operators(tmp_path: Path, time: Time) -> Operators:
    return Operators(tmp_path / "web", time)


def test_the_first_is_an_owner_and_the_next_needs_a_role(operators: Operators) -> None:
    assert operators.invite("ada", None)[0].role == "owner"
    with pytest.raises(InputError, match="role is not said"):
        operators.invite("ben", None)
    assert operators.invite("ben", "support")[0].role == "support"
    assert operators.invite("BEN ", None)[0].name == "ben"


def test_a_link_is_good_once(operators: Operators) -> None:
    _, token = operators.invite("ada", None)
    found = operators.of_link(token)
    assert found is not None
    assert found.name == "ada"
    assert operators.take_link(token) is not None
    assert operators.take_link(token) is None
    assert operators.of_link(token) is None


def test_a_link_is_good_for_minutes(operators: Operators, time: Time) -> None:
    _, token = operators.invite("ada", None)
    time.goes(minutes=LINK_MINUTES - 1)
    assert operators.of_link(token) is not None
    time.goes(minutes=1)
    assert operators.take_link(token) is None


def test_no_word_of_it_lets_anybody_in(operators: Operators, tmp_path: Path) -> None:
    _, token = operators.invite("ada", None)
    operators.set_password("ada", hash_of("correct horse battery"))
    _, token = operators.invite("ada", None)
    file = tmp_path / "web" / "operators.json"

    assert token not in file.read_text()
    assert "correct horse" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["Stripe", "THE WORKER", "", "  ", "x" * 61, "\u202e"])
def test_nobody_has_a_name_that_says_something_else_in_the_records(operators: Operators, name: str) -> None:
    with pytest.raises(InputError):
        operators.invite(name, "owner")


def test_the_last_owner_stays(operators: Operators) -> None:
    operators.invite("ada", None)
    operators.invite("ben", "support")
    with pytest.raises(InputError, match="nobody would be an owner"):
        operators.invite("ada", "support")
    with pytest.raises(InputError, match="nobody would be an owner"):
        operators.remove("ada")
    assert operators.remove("ben").name == "ben"
    assert [one.name for one in operators.all()] == ["ada"]


def test_a_new_password_ends_what_was_begun_before_it(operators: Operators) -> None:
    before, token = operators.invite("ada", None)
    after = operators.set_password("ada", hash_of("correct horse battery"))
    assert operators.by_id(before.id) is None
    assert operators.by_id(after.id) is not None
    assert operators.take_link(token) is None


def test_killed_anywhere_the_file_is_the_old_one_or_the_new_one(operators: Operators) -> None:
    operators.invite("ada", None)
    for at in range(20):
        with killed_at(at) as places:
            operators.invite(f"ben{at}", "support")
        names = {one.name for one in operators.all()}
        assert "ada" in names
        if len(places) <= at:
            break
    else:
        pytest.fail("it is never at its end")
    assert f"ben{at}" in names


def test_a_password_fits_itself_alone() -> None:
    hashed = hash_of("correct horse battery")
    assert fits("correct horse battery", hashed)
    assert not fits("correct horse batterz", hashed)
    assert not fits("correct horse battery", None)
    assert not fits("x" * 100_000, hashed)
    assert not fits("correct horse battery", "no hash")


@pytest.mark.parametrize("word", ["", "short", "x" * 2000])
def test_a_password_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(InputError):
        hash_of(word)
