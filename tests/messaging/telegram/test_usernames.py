"""Usernames as people copy them, and what is suggested for a bot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import InputError
from provisioner.messaging.telegram.usernames import (
    bot_name,
    plain_username,
    stated_username,
    suggested_username,
)
from provisioner.sandbox.telegram.world import valid_bot_username


@given(st.text())
def test_whatever_a_name_is_telegram_takes_what_we_make_of_it(name: str) -> None:
    assert 1 <= len(bot_name(name)) <= 64
    assert valid_bot_username(suggested_username(name))


def test_nobody_is_offered_the_same_username_twice() -> None:
    assert len({suggested_username("Ada") for _ in range(200)}) == 200


def test_usernames_are_compared_without_case_or_at() -> None:
    assert plain_username(" @Ada_L ") == plain_username("ada_l")
    assert plain_username(None) == ""


FORMS = (
    "anna_x",
    "@anna_x",
    " @anna_x\n",
    "t.me/anna_x",
    "https://t.me/anna_x",
    "http://www.t.me/anna_x/",
    "https://telegram.me/anna_x?start=1",
    "https://t.me/@anna_x",
    "https://anna_x.t.me",
    "tg://resolve?domain=anna_x",
    "HTTPS://T.ME/anna_x",
)


@pytest.mark.parametrize("form", FORMS)
def test_a_username_is_understood_as_people_copy_it(form: str) -> None:
    assert stated_username(form) == "@anna_x"
    assert plain_username(form) == "anna_x"


@pytest.mark.parametrize(
    "form",
    [
        "https://t.me/+abcdefgh",
        "https://example.com/anna",
        "t.me/",
        "https://t.me/joinchat/x",
        "a b",
        "anna@x.com",
    ],
)
def test_what_is_nobodys_username_is_refused(form: str) -> None:
    with pytest.raises(InputError, match="it is none"):
        stated_username(form)
