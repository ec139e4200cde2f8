"""A record's text: JSON with two spaces, a final newline, and every character as it is."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.filesystem.textfiles import UnreadableText, decoded

_SURROGATE = re.compile("[\ud800-\udfff]")

DEEPEST = 100
"""How deeply groups and lists may stand in each other; a record has four such levels."""
LONGEST_NUMBER = 1000
"""How many digits a number may have; Python itself writes none of more than 4,300."""
_TOO_DEEP = f"nested too deeply: more than {DEEPEST} groups in each other"


class BrokenDocument(ValueError):
    """The text is not one JSON object that could be written back without loss; says where and why."""

    def __init__(self, cause: str, hint: str | None = None) -> None:
        super().__init__(cause)
        self.hint = hint


def parse(raw: bytes) -> dict[str, Any]:
    """The object in `raw`, in its order; BrokenDocument with line and column."""
    try:
        text = decoded(raw)
    except UnreadableText as problem:
        raise BrokenDocument(problem.cause, problem.hint) from None
    try:
        data = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_parse_float,
            parse_int=_parse_int,
        )
    except json.JSONDecodeError as problem:
        message = f"bad JSON at line {problem.lineno}, column {problem.colno}: {problem.msg}"
        raise BrokenDocument(message) from None
    except RecursionError:
        raise BrokenDocument(_TOO_DEEP) from None
    if not isinstance(data, dict):
        raise BrokenDocument("not a JSON object")
    if may_be_too_deep(raw):
        refuse_depth(data)
    return data


def may_be_too_deep(raw: bytes) -> bool:
    """Whether this text has enough groups and lists for that, should all stand in each other."""
    return raw.count(b"{") + raw.count(b"[") > DEEPEST


def render(data: Mapping[str, Any]) -> bytes:
    """The text of a record, as it stands in its file."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    # Half a surrogate pair may stand in JSON as an escape, and nowhere else.
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", f"{text}\n").encode("utf-8")


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise BrokenDocument(f"the key {_cut(repr(key))} stands twice in one object")
        found[key] = value
    return found


def refuse_depth(data: dict[str, Any]) -> None:
    """BrokenDocument for what could be read, but not copied, shown or written back."""
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise BrokenDocument(_TOO_DEEP)


def _inside(value: Any) -> Iterable[Any]:
    inner = value.values() if isinstance(value, dict) else value
    return [one for one in inner if isinstance(one, dict | list)]


def _refuse_constant(word: str) -> None:
    raise BrokenDocument(f"{word} is not JSON")


def _parse_int(word: str) -> int:
    if len(word) > LONGEST_NUMBER:
        raise BrokenDocument(f"the number {_cut(word)} has {len(word)} digits")
    return int(word)


def _parse_float(word: str) -> float:
    value = float(word)
    if value in (float("inf"), float("-inf")):
        raise BrokenDocument(f"the number {_cut(word)} is too large")
    return value


def _cut(word: str) -> str:
    return word if len(word) <= 60 else f"{word[:60]}…"
