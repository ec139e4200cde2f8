"""Form bodies with brackets, as Stripe reads them: `items[0][price]=…`, `expand[]=…`."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from provisioner.sandbox.stripe.errors import StripeApiError, invalid

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MOST_KEYS = 50


class Form(BaseModel):
    """The parameters of one request. Published ones that change nothing here are named in `ignored`."""

    model_config = ConfigDict(extra="forbid")
    ignored: ClassVar[frozenset[str]] = frozenset()

    expand: list[str] = []


FormT = TypeVar("FormT", bound=Form)


def _unset_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _metadata(value: Any) -> Any:
    """An empty value unsets; a key has at most 40 characters, and a value 500."""
    if not isinstance(value, dict):
        return {} if value == "" else value
    if len(value) > _MOST_KEYS or any(len(key) > 40 or len(str(text)) > 500 for key, text in value.items()):
        raise ValueError("Metadata takes 50 keys of at most 40 characters, with values of at most 500")
    return value


Text = Annotated[str | None, BeforeValidator(_unset_if_empty)]
"""A text that an empty one unsets."""
Number = Annotated[int | None, BeforeValidator(_unset_if_empty)]
Metadata = Annotated[dict[str, str] | None, BeforeValidator(_metadata)]


class Moments(BaseModel):
    """A range of moments."""

    model_config = ConfigDict(extra="forbid")

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None

    def holds(self, moment: int) -> bool:
        return (
            (self.gt is None or moment > self.gt)
            and (self.gte is None or moment >= self.gte)
            and (self.lt is None or moment < self.lt)
            and (self.lte is None or moment <= self.lte)
        )


def _range(value: Any) -> Any:
    return {"gte": value, "lte": value} if isinstance(value, str) else value


Range = Annotated[Moments, BeforeValidator(_range)]
"""`created=…` or `created[gte]=…`."""


class PageForm(Form):
    """What every list takes."""

    limit: int = Field(default=10, ge=1, le=100)
    starting_after: str | None = None
    ending_before: str | None = None


class ListForm(PageForm):
    """A list of what has a moment of its own."""

    created: Range | None = None

    def in_time(self, thing: Mapping[str, Any]) -> bool:
        return self.created is None or self.created.holds(thing["created"])


def decode(text: str) -> dict[str, Any]:
    """The nested parameters of a query or a body."""
    return nested(parse_qsl(text, keep_blank_values=True))


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for name, value in pairs:
        found = _NAME.fullmatch(name)
        if found is None:
            raise invalid(f"Invalid parameter name: {name}", param=name)
        _put(root, [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])], value, name)
    return {name: _listed(value) for name, value in root.items()}


def read(model: type[FormT], given: dict[str, Any]) -> FormT:
    """The parameters as a form, or the 400 that names the first thing wrong with them."""
    given = {name: value for name, value in given.items() if name not in model.ignored}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _complaint(error) from None


def merged(old: dict[str, str], new: dict[str, str] | None) -> dict[str, str]:
    """Metadata after an update: keys that are not named stay, an empty value takes one away."""
    return {key: value for key, value in {**old, **(new or {})}.items() if value != ""}


def _put(root: dict[str, Any], path: list[str], value: str, name: str) -> None:
    at = root
    for step in path[:-1]:
        at = at.setdefault(step or str(len(at)), {})
        if not isinstance(at, dict):
            raise invalid(f"Invalid parameter: {name}", param=name)
    last = path[-1] or str(len(at))
    if isinstance(at.get(last), dict):
        raise invalid(f"Invalid parameter: {name}", param=name)
    at[last] = value


def _listed(value: Any) -> Any:
    """A level whose names are all numbers is a list."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in value.items()}
    if inner and all(name.isdecimal() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def _complaint(error: ValidationError) -> StripeApiError:
    first = error.errors(include_url=False)[0]
    where = _bracketed(first["loc"])
    if first["type"] == "extra_forbidden":
        return invalid(f"Received unknown parameter: {where}", param=where, code="parameter_unknown")
    if first["type"] == "missing":
        return invalid(f"Missing required param: {where}.", param=where, code="parameter_missing")
    if first["type"] in ("int_parsing", "int_type"):
        return invalid(f"Invalid integer: {first['input']}", param=where, code="parameter_invalid_integer")
    message = str(first["msg"]).removeprefix("Value error, ")
    return invalid(f"Invalid {where}: {message}", param=where)


def _bracketed(path: tuple[int | str, ...]) -> str:
    first, *rest = [str(step) for step in path] or [""]
    return first + "".join(f"[{step}]" for step in rest)
