"""A record's text: JSON with two spaces, a final newline, and every character as it is."""

import json
import re
from collections.abc import Iterable
from typing import Any

from provisioner.textfiles import UnreadableText, decoded

_SURROGATE = re.compile("[\ud800-\udfff]")


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
            text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_parse_float
        )
    except json.JSONDecodeError as problem:
        message = f"bad JSON at line {problem.lineno}, column {problem.colno}: {problem.msg}"
        raise BrokenDocument(message) from None
    except RecursionError:
        raise BrokenDocument("nested too deeply") from None
    if not isinstance(data, dict):
        raise BrokenDocument("not a JSON object")
    return data


def render(data: dict[str, Any]) -> bytes:
    """The text of a record, as it stands in its file."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    # Half a surrogate pair may stand in JSON as an escape, and nowhere else.
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", f"{text}\n").encode("utf-8")


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise BrokenDocument(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def _refuse_constant(word: str) -> None:
    raise BrokenDocument(f"{word} is not JSON")


def _parse_float(word: str) -> float:
    value = float(word)
    if value in (float("inf"), float("-inf")):
        raise BrokenDocument(f"the number {word} is too large")
    return value
