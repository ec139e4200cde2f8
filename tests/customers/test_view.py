"""What a list shows of a customer, beside the same record read whole."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioner.customers import view
from provisioner.customers.files.document import render
from provisioner.customers.parts.base import Part
from provisioner.customers.record import Customer
from provisioner.customers.view import CustomerView, view_of
from tests.customers.examples import documented, from_old_script

WAITING = {"for": "tap Start", "of": "@ada", "since": "2026-01-29T06:00:00Z", "kind": "start"}


def full() -> dict[str, Any]:
    data = documented()
    data["setup"]["waiting"] = dict(WAITING)
    data["setup"]["pause"] = {"requestedAt": "2026-01-29T06:00:00Z", "untilPaid": True, "by": "bob"}
    data["requests"] = [{"workflow": "backup", "at": "2026-01-29T06:00:00Z", "by": "bob", "reason": None}]
    data["health"] = {"problems": ["gateway"], "since": "2026-01-29T06:00:00Z"}
    return data


def shown(customer: Any, model: type[msgspec.Struct] = CustomerView) -> dict[str, Any]:
    """The fields of a view, from either reader."""
    found = {}
    for one in msgspec.structs.fields(model):
        value = getattr(customer, one.name)
        inner = _group(one)
        found[one.name] = _shown(value, inner) if inner is not None and value is not None else value
    return found


def _shown(value: Any, model: type[msgspec.Struct]) -> Any:
    return [shown(one, model) for one in value] if isinstance(value, tuple) else shown(value, model)


def _group(one: Any) -> type[msgspec.Struct] | None:
    """The kind of group that a field holds; None if it is a value."""
    return next((kind for kind in _kinds(one.type) if issubclass(kind, msgspec.Struct)), None)


def _kinds(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _kinds(inner)


def structs() -> list[type[msgspec.Struct]]:
    every = [one for one in vars(view).values() if isinstance(one, type) and issubclass(one, view._Part)]
    return [one for one in every if one is not view._Part]


@pytest.mark.parametrize("struct", structs(), ids=lambda one: one.__name__)
def test_a_view_has_the_names_and_defaults_of_the_record(struct: type[msgspec.Struct]) -> None:
    name = "Customer" if struct is CustomerView else struct.__name__
    [model] = [one for one in Part.__subclasses__() if one.__name__ == name]
    for one in msgspec.structs.fields(struct):
        theirs = model.model_fields[one.name]
        assert one.encode_name == theirs.alias
        assert one.required == theirs.is_required()
        if not one.required and not isinstance(one.default, msgspec.Struct):
            assert one.default == theirs.default


@pytest.mark.parametrize("make", [full, documented, from_old_script])
def test_a_view_is_what_the_record_says(make: Callable[[], dict[str, Any]]) -> None:
    raw = render(make())
    found = view_of(raw)
    if make is not from_old_script:  # its numbers in texts' places are left to `record`
        assert found is not None
        assert shown(found) == shown(Customer.model_validate_json(raw))
        assert str(found.setup.waiting) == str(Customer.model_validate_json(raw).setup.waiting)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, -1, 0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        [
            "active",
            "complete",
            "2026-02-29T05:54:00Z",
            "2026-01-29T05:54:00Z\n",
            "2026-13-29T05:54:00Z",
            "2026-01-29 05:54:00",
            "a@b",
            "a@b\n",
            "a@\x1cb",
            "cust_1\n",
            "\ud800",
            "\udc00é",
            "Telegram ",
        ]
    ),
    st.just([]),
    st.just({}),
    st.just([{"x": None}]),
)


def _paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from _paths(value, (*path, key))


PATHS = [
    *sorted(_paths(full()), key=str),
    ("setup", "droplet", "hostKey"),
    ("setup", "droplet", "tag"),
    ("setup", "messaging", "connectedOver"),
    ("setup", "messaging", "unknown"),
    ("setup", "letters"),
    ("unknown",),
]


def changed(changes: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    data = full()
    for path, value in changes:
        here: Any = data
        try:
            for key in path[:-1]:
                here = here[key]
            here[path[-1]] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):  # an earlier change took its place
            continue
    return data


def only_shown(data: Any, model: type[msgspec.Struct] = CustomerView) -> Any:
    """The document without what no list shows."""
    if isinstance(data, list):
        return [only_shown(one, model) for one in data]
    if not isinstance(data, dict):
        return data
    fields = {one.encode_name: one for one in msgspec.structs.fields(model)}
    kept = {}
    for name, value in data.items():
        if name in fields:
            inner = next(
                (kind for kind in _kinds(fields[name].type) if issubclass(kind, msgspec.Struct)), None
            )
            kept[name] = only_shown(value, inner) if inner is not None else value
    return kept


@given(st.lists(st.tuples(st.sampled_from(PATHS), ODD), max_size=4), st.booleans())
@example([(("email",), "a@b\n")], False)
@example([(("signupDate",), "2026-01-29T05:54:00Z\n")], True)
@example([(("setup", "droplet", "id"), 123)], True)
@example([(("setup", "letters"), [{"reason": "x"}])], True)
@example([(("name",), "\ud800")], True)
def test_a_view_never_differs_from_the_record(
    changes: list[tuple[tuple[Any, ...], Any]], escaped: bool
) -> None:
    data = changed(changes)
    raw = json.dumps(data, ensure_ascii=True).encode() if escaped else render(data)
    found = view_of(raw)
    if found is not None:
        # What is shown is valid by the record's own rules, and the same; the rest was not asked for.
        assert shown(found) == shown(Customer.model_validate(only_shown(json.loads(raw))))


@given(st.data())
def test_what_is_no_json_is_no_view(data: st.DataObject) -> None:
    raw = bytearray(render(full() | {"unknown": {"größe": ["é", 1.5, None]}}))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        json.loads(bytes(raw).decode("utf-8"))
    except ValueError:
        assert view_of(bytes(raw)) is None


@given(st.integers(0, len(render(full())) - 2))
def test_a_torn_file_is_no_view(length: int) -> None:
    assert view_of(render(full())[:length]) is None


@pytest.mark.parametrize(
    "text",
    [
        b'{"id": "a", "id": "b", "email": "a@b", "status": "active"}',
        b'{"id": "b", "email": "a@b", "status": "active", "setup": {"status": "complete"}, "setup": {}}',
    ],
)
def test_of_a_key_that_stands_twice_the_last_counts_for_both_readers(text: bytes) -> None:
    found = view_of(text)
    assert found is not None
    assert shown(found) == shown(Customer.model_validate_json(text))
