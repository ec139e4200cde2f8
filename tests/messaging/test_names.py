import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.messaging.names import spoken_name


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
def test_whatever_a_name_is_what_is_said_of_it_is_no_link(name: str) -> None:
    assert not re.search(r"[\s\x00-\x1f@/:<>\u202a-\u202e]", spoken_name(name))
