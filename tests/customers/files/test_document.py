import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.customers.files.document import BrokenDocument, parse, render

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters()), values))
def test_what_is_written_is_read_back_in_the_same_order(data: dict[str, Any]) -> None:
    again = parse(render(data))
    assert again == data
    assert list(again) == list(data)


def test_the_text_has_two_spaces_a_final_newline_and_characters_as_they_are() -> None:
    assert render({"a": {"é": "🦞"}, "l": []}) == '{\n  "a": {\n    "é": "🦞"\n  },\n  "l": []\n}\n'.encode()


def test_half_a_surrogate_pair_survives_as_the_escape_that_it_was() -> None:
    raw = b'{\n  "a": "x\\ud83ey"\n}\n'
    assert render(parse(raw)) == raw
    assert json.loads(raw) == parse(raw)


def test_a_byte_order_mark_is_no_part_of_the_record() -> None:
    assert render(parse(b'\xef\xbb\xbf{"a": 1}')) == b'{\n  "a": 1\n}\n'


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"a": 1,\n "b": }', "line 2, column 7"),
        (b"", "line 1, column 1"),
        (b'{"a": 1}{', "line 1, column 9"),
        (b'{"a":\n "\xff"}', "not UTF-8 at line 2, column 3"),
        (b"[1]", "not a JSON object"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b'{"a": {"b": 1, "b": 2}}', "'b' stands twice"),
        ('{"a": "é"}'.encode("utf-16"), "not UTF-8 but UTF-16"),
        ('{"a": "é"}'.encode("utf-16-le"), "a NUL at line 1, column 2"),
        ('{"a": "é"}'.encode("latin-1"), "not UTF-8 at line 1, column 8"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}", "nested too deeply"),
        (b'{"a": ' + b'{"b": ' * 100 + b"1" + b"}" * 100 + b"}", "nested too deeply"),
        (b'{"a": -' + b"9" * 5000 + b"}", "has 5001 digits"),
        (b'{"a": 1' + b"0" * 400 + b"e5000}", "too large"),
    ],
)
def test_a_broken_text_is_refused_with_its_place(raw: bytes, says: str) -> None:
    with pytest.raises(BrokenDocument, match=says.replace("(", r"\(")):
        parse(raw)


def test_what_is_as_deep_and_as_long_as_it_may_be_is_written_back() -> None:
    raw = b'{"a": ' + b"[" * 99 + b"9" * 1000 + b"]" * 99 + b"}"
    assert parse(render(parse(raw))) == parse(raw)
    many = b'{"a": [' + b"[], " * 500 + b"{}]}"
    assert len(parse(many)["a"]) == 501
