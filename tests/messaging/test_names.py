import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import InputError
from provisioner.messaging.names import (
    bot_name,
    plain_username,
    spoken_name,
    stated_username,
    suggested_username,
)
from provisioner.sandbox.telegram.world import valid_bot_username


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("Ada Lovelace", "Ada"),
        ("Żółć Nowak", "Żółć"),
        ("J.R. Tolkien", "J.R."),
        ("Mary-Jane", "Mary-Jane"),
        ("*Ada* [x](y)", "*Ada*"),
        ("\u202eevil Ada", "evil"),
        ("evil.example wins", ""),
        ("https://evil.example", ""),
        ("@durov", ""),
        ("<script>", ""),
        ("1234 +++", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_name_is_said_only_if_it_is_one(name: str | None, spoken: str) -> None:
    assert spoken_name(name) == spoken


@given(st.text())
def test_whatever_a_name_is_telegram_takes_what_we_make_of_it(name: str) -> None:
    assert 1 <= len(bot_name(name)) <= 64
    assert valid_bot_username(suggested_username(name))
    assert not re.search(r"[\s\x00-\x1f@/:<>\u202a-\u202e]", spoken_name(name))


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
