"""JSON answers of servers, which may be anything."""

import json
from types import NoneType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import RemoteError
from provisioner.ssh.json_answers import Kinds, load_json, misfit, parse_json, parse_list

FIELDS: dict[str, Kinds] = {"id": (str, int), "username": (str, NoneType)}


def items(text: str) -> list[Any]:
    return parse_list(text, doing="read the requests", whom="192.0.2.7")


def test_a_list_as_it_should_be() -> None:
    told = [{"id": 5, "username": "anna", "more": [1]}, {"id": "6", "username": None}]
    assert items(json.dumps(told)) == told
    assert [misfit(item, FIELDS) for item in told] == [None, None]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (5, "an entry is no object"),
        ({"id": 5}, "there is no “username”"),
        ({"id": 5, "username": 7}, "“username” is a number"),
        ({"id": True, "username": "x"}, "“id” is true or false"),
    ],
    ids=range(4),
)
def test_what_does_not_fit_is_named(document: object, says: str) -> None:
    assert misfit(document, FIELDS) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"),
        ("Welcome", "cannot be read"),
        ("{}", "not a list"),
        (json.dumps([{"id": 1, "username": "x"}] * 1001), "at most 1000"),
        ("[" * 100_000, "too deep"),
        ("[" * 40 + "]" * 40, "too deep"),
        ("[" + "1" * 5000 + "]", "cannot be read"),
        ("[NaN]", "no number"),
        ("[1e999]", "no number"),
        ('["' + "x" * 2_000_000 + '"]', "longer than"),
    ],
    ids=range(10),
)
def test_other_answers_are_one_error_about_the_server(text: str, says: str) -> None:
    with pytest.raises(RemoteError, match=says) as caught:
        items(text)
    assert caught.value.whom == "192.0.2.7"
    assert len(caught.value.summary) < 400


def test_half_a_character_is_replaced() -> None:
    assert load_json('{"\\ud800": ["a\\udc00"]}') == {"?": ["a?"]}
    assert load_json('"\\ud83d\\ude00"') == "😀"


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_whatever_comes_can_be_written_down(text: str) -> None:
    try:
        document = parse_json(text, doing="read", whom="192.0.2.7")
    except RemoteError:
        return
    json.dumps(document, ensure_ascii=False).encode()
