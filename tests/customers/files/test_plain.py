"""The fast reader of a record's text, beside the one that says what is wrong with it."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioner.customers.files.document import DEEPEST, LONGEST_NUMBER, BrokenDocument, parse, render
from provisioner.customers.files.plain import parse_plain
from tests.customers.examples import documented
from tests.customers.files.test_document import values


def broken(raw: bytes) -> bool:
    try:
        parse(raw)
    except BrokenDocument:
        return True
    return False


def agree(raw: bytes) -> None:
    """What one reader gives the other gives too; `repr` tells 1 from 1.0, and shows the order."""
    found = parse_plain(raw)
    assert found is None or repr(found) == repr(parse(raw))


def test_what_we_write_is_plain() -> None:
    data = documented() | {"unknown": {"größe": ["🦞", 1.5, None, -7, 10**25]}, "many": [{}] * DEEPEST}
    assert parse_plain(render(data)) == data


@given(st.dictionaries(st.text(), values), st.sampled_from([None, 0, 1, 7]), st.booleans())
def test_both_readers_agree(data: dict[str, Any], indent: int | None, escaped: bool) -> None:
    agree(json.dumps(data, indent=indent, ensure_ascii=escaped).encode("utf-8", "surrogatepass"))


@given(st.data())
def test_both_readers_agree_on_what_was_damaged(data: st.DataObject) -> None:
    raw = bytearray(render(documented() | {"unknown": {"größe": ["é", 1.5, None]}}))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        piece = data.draw(st.binary(max_size=2) | st.sampled_from([*PIECES, bytes(raw[place : place + 40])]))
        raw[place : place + data.draw(st.integers(0, 3))] = piece
    agree(bytes(raw))


PIECES = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u00e9", b"\\ud83d", b" ", b"\n", b"\t", b"\0"]
PIECES += [b"0", b"-", b".", b"e9", b"NaN", b"true", b'"id": 1,', b"\x7f", b"\xef\xbb\xbf", b"\xff"]


@given(st.binary(max_size=20))
@example(b"")
@example(b"[]")
def test_both_readers_agree_on_anything(raw: bytes) -> None:
    agree(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a" : 1, "a":1}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\\ud83e"}',
        b'{"a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
        b'{"a": 1' + b"0" * LONGEST_NUMBER + b"}",
        b'{"a": -' + b"9" * 5000 + b"}",
        b'\xef\xbb\xbf{"a": 1}',
    ],
)
def test_what_the_other_reader_has_to_look_at_is_left_to_it(raw: bytes) -> None:
    assert parse_plain(raw) is None


def test_a_number_of_the_greatest_length_is_read_by_one_of_them() -> None:
    raw = b'{"a": ' + b"9" * LONGEST_NUMBER + b"}"
    assert not broken(raw)
    agree(raw)
