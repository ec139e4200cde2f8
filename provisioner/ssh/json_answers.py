"""JSON that a server has said: bounded in size and depth, and of the kinds that were asked for.

Whoever holds a server may have it answer anything. What comes out of here is safe to keep, to print (through
the renderer) and to take apart; everything else is one RemoteError about that server.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from provisioner.errors import RemoteError

MOST_BYTES: Final = 1 << 20
MOST_DEPTH: Final = 32
MOST_ITEMS: Final = 1000

_HINT = "look at that server: this is not what our programs answer"

Kinds = type | tuple[type, ...]


def load_json(text: str | bytes, *, most: int = MOST_BYTES, depth: int = MOST_DEPTH) -> Any:
    """The document; ValueError if it is none, over `most` bytes (characters), or nested too deep.

    Numbers are finite. Halves of characters (JSON can hold them, files and terminals cannot) are replaced.
    """
    if len(text) > most:
        raise ValueError(f"it is longer than {most} bytes")
    try:
        return _sound(json.loads(text, parse_constant=_no_number, parse_float=_finite), depth)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def parse_json(text: str | bytes, *, doing: str, whom: str, most: int = MOST_BYTES) -> Any:
    """The one document of a server's answer. RemoteError."""
    try:
        return load_json(text, most=most)
    except ValueError as problem:
        raise unfit(doing, whom, f"the server's answer cannot be read: {problem}") from None


def parse_list(
    text: str | bytes, *, doing: str, whom: str, most: int = MOST_BYTES, most_items: int = MOST_ITEMS
) -> list[Any]:
    """The one list of a server's answer, whatever is in it. RemoteError."""
    items = parse_json(text, doing=doing, whom=whom, most=most)
    if not isinstance(items, list) or len(items) > most_items:
        raise unfit(doing, whom, f"the server's answer is not a list of at most {most_items}")
    return items


def misfit(document: object, fields: Mapping[str, Kinds]) -> str | None:
    """What is wrong with it: no object, or a field that is missing or of another kind."""
    if not isinstance(document, dict):
        return "an entry is no object"
    for name, kinds in fields.items():
        if name not in document:
            return f"there is no “{name}”"
        if not _is(document[name], kinds):
            return f"“{name}” is {_kind(document[name])}"
    return None


def unfit(doing: str, whom: str, cause: str) -> RemoteError:
    """The error for an answer that no program of ours gives."""
    return RemoteError(doing, whom=whom, cause=cause, hint=_HINT)


def _is(value: object, kinds: Kinds) -> bool:
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    return isinstance(value, wanted) and (not isinstance(value, bool) or bool in wanted)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _sound(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict | list) and depth <= 0:
        raise ValueError("it is nested too deep")
    if isinstance(value, dict):
        return {_text(name): _sound(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_sound(inner, depth - 1) for inner in value]
    return value


def _text(value: str) -> str:
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(f"{word[:20]} is no number")
    return number
