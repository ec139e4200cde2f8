"""What pydantic finds wrong, in words for people, and never with the value, which may be a secret."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from provisioner import timestamps

if TYPE_CHECKING:
    from pydantic import ValidationError

_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "model_type": "must be a group of fields",
    "tuple_type": "must be a list",
    "greater_than_equal": "must not be negative",
    "string_pattern_mismatch": "does not look right",
    "finite_number": "must be a finite number",
}


class Complaint(NamedTuple):
    """One thing that is wrong: where, pydantic's kind of error, and a text that goes on from `where`."""

    where: str
    kind: str
    text: str


def complaints(problem: "ValidationError", whole: str = "value") -> Iterator[Complaint]:
    """Everything that is wrong; `whole` is what the thing itself is called."""
    for error in problem.errors(include_input=False, include_url=False):
        where = ".".join(map(str, error["loc"])) or whole
        yield Complaint(where, error["type"], _text(error["type"], error["msg"]))


def explain(problem: "ValidationError", whole: str = "value") -> str:
    """Everything that is wrong, in one line."""
    return "; ".join(f"{one.where} {one.text}" for one in complaints(problem, whole))


def _text(kind: str, message: str) -> str:
    if kind == "string_pattern_mismatch" and timestamps.PATTERN in message:
        return "must be a time in UTC such as 2026-01-29T05:54:00Z"
    if kind == "greater_than_equal" and not message.endswith(" 0"):
        return f"must be {message.removeprefix('Input should be ')}"
    if kind in _WORDS:
        return _WORDS[kind]
    if message.startswith("Input should be "):
        return f"must be {message.removeprefix('Input should be ')}"
    return message.removeprefix("Value error, ")
