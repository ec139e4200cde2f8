"""A record's fields by dotted path: which there are, what each can hold, and how a word becomes its value."""

import difflib
import functools
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, FiniteFloat, StrictBool, StrictInt, TypeAdapter, ValidationError
from pydantic import Field as Limits

from provisioner.customers.schema import HISTORY
from provisioner.errors import InputError


@dataclass(frozen=True)
class Field:
    """One field: `kind` is text, flag, number, choice, group, list, or free (not in the schema)."""

    path: str
    kind: str
    nullable: bool = True
    choices: tuple[str, ...] = ()

    def stored(self, value: object) -> object:
        """The value as the document holds it: text for a text field even where a number is given."""
        if self.kind == "text" and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return value

    def parse(self, word: str, current: object = None) -> object:
        """The value that a word from the command line means for this field; InputError if it means none.

        A field outside the schema keeps the type of its `current` value.
        """
        if word == "null":
            if not self.nullable:
                raise InputError(f"clear {self.path}", cause="it cannot be null")
            return None
        if self.kind in ("group", "list"):
            raise InputError(
                f"set {self.path}",
                cause=f"it is a {self.kind}, not one value",
                hint=f"name one field in it, such as {self.path}.…",
            )
        return _PARSERS[self._kind_of(current)](self, word)

    def _kind_of(self, current: object) -> str:
        if self.kind != "free":
            return self.kind
        if isinstance(current, bool):
            return "flag"
        return "free number" if isinstance(current, int | float) else "text"


def find_field(model: type[BaseModel], data: Mapping[str, Any], path: str) -> Field:
    """The field at `path`, in the schema or else in this document; InputError with the nearest names."""
    known = _known(model)
    top = path.split(".", 1)[0]
    if top in HISTORY:
        _refuse_history(data, path)
    if path in known:
        return known[path]
    found, value = _look(data, path)
    if not found:
        raise InputError(f"find a field {path}", hint=_nearest(path, _leaves(known)))
    kind = "group" if isinstance(value, dict) else "list" if isinstance(value, list) else "free"
    return Field(path, kind, nullable=kind == "free")


@functools.cache
def _known(model: type[BaseModel]) -> dict[str, Field]:
    return {field.path: field for field in schema_fields(model)}


def schema_fields(model: type[BaseModel], prefix: str = "") -> Iterator[Field]:
    """Every field of the schema, groups before what is in them."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        inner, nullable = _unwrapped(info.annotation)
        yield _field(path, inner, nullable)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from schema_fields(inner, f"{path}.")


def value_at(data: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None where nothing is."""
    return _look(data, path)[1]


def with_value(data: Mapping[str, Any], path: str, value: object) -> dict[str, Any]:
    """The document with this value at a dotted path, and with the groups on the way; `data` stays as it is.

    What is not on the way is shared by both.
    """
    changed: dict[str, Any] = _with_value(data, path.split("."), value, path)
    return changed


def _with_value(here: Any, parts: Sequence[str], value: object, path: str) -> Any:
    if not parts:
        return value
    part, *rest = parts
    if isinstance(here, list):
        entries = list(here)
        entries[int(part)] = _with_value(here[int(part)], rest, value, path)
        return entries
    if here is not None and not isinstance(here, dict):
        parents = path.split(".")[: -len(parts)]
        raise InputError(f"set {path}", cause=f"{'.'.join(parents)} is not a group of fields")
    group = here or {}
    return {**group, part: _with_value(group.get(part), rest, value, path)}


def _field(path: str, annotation: Any, nullable: bool) -> Field:
    if get_origin(annotation) is Literal:
        return Field(path, "choice", nullable, tuple(get_args(annotation)))
    if get_origin(annotation) is tuple:
        return Field(path, "list", nullable)
    if issubclass(annotation, BaseModel):
        return Field(path, "group", nullable)
    return Field(path, {bool: "flag", int: "number"}.get(annotation, "text"), nullable)


def _unwrapped(annotation: Any) -> tuple[Any, bool]:
    """The type inside `Annotated` and `| None`, and whether None is allowed."""
    if get_origin(annotation) is Annotated:
        return _unwrapped(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        inner = next(kind for kind in get_args(annotation) if kind is not type(None))
        return _unwrapped(inner)[0], True
    return annotation, False


def _look(data: Any, path: str) -> tuple[bool, Any]:
    here = data
    for part in path.split("."):
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isascii() and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        elif isinstance(here, list):
            raise InputError(f"find {path}", cause=f"there is no index {part} in a list of {len(here)}")
        else:
            return False, None
    return True, here


def _refuse_history(data: Mapping[str, Any], path: str) -> None:
    top, _, index = path.partition(".")
    if index:
        _look(data, f"{top}.{index.split('.', 1)[0]}")
    raise InputError(
        f"change {path}",
        cause="notes and events only ever grow",
        hint=f"provisioner {HISTORY[top]} adds to them",
    )


def _leaves(known: dict[str, Field]) -> list[str]:
    return [path for path, field in known.items() if field.kind not in ("group", "list")]


def _nearest(path: str, known: list[str]) -> str:
    last = path.rsplit(".", 1)[-1].lower()
    same = [name for name in known if name.rsplit(".", 1)[-1].lower() == last]
    folded = {name.lower(): name for name in known}
    close = [folded[name] for name in difflib.get_close_matches(path.lower(), folded, n=4, cutoff=0.5)]
    names = list(dict.fromkeys([*same, *close]))[:4]
    if not names:
        return "provisioner schema shows every field"
    return f"the nearest are {', '.join(names)}"


def _parse_text(_: Field, word: str) -> str:
    return word


def _parse_choice(field: Field, word: str) -> str:
    if word not in field.choices:
        raise InputError(f"set {field.path} to {word}", cause=f"it is one of {', '.join(field.choices)}")
    return word


@dataclass(frozen=True)
class _Json:
    """Parses a word as JSON of one type, so that `yes` is no flag and `1_000` no number."""

    type: Any
    wanted: str

    def __call__(self, field: Field, word: str) -> object:
        try:
            return TypeAdapter[object](self.type).validate_json(word)
        except ValidationError:
            raise InputError(f"set {field.path} to {word}", cause=self.wanted) from None


_WHOLE = Annotated[StrictInt, Limits(gt=-(2**53), lt=2**53)]
"""Larger ones are not the same number for every program that reads JSON."""

_PARSERS: Mapping[str, Callable[[Field, str], object]] = {
    "text": _parse_text,
    "choice": _parse_choice,
    "flag": _Json(StrictBool, "it is either true or false"),
    "number": _Json(_WHOLE, "it must be a whole number"),
    "free number": _Json(_WHOLE | FiniteFloat, "it holds a number that JSON can say"),
}
