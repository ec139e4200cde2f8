"""Lists: newest first, ten unless asked otherwise, with a cursor at either end."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from provisioner.sandbox.stripe.account import Json
from provisioner.sandbox.stripe.call import Call, Endpoint
from provisioner.sandbox.stripe.errors import StripeApiError
from provisioner.sandbox.stripe.forms import ListForm, PageForm

L = TypeVar("L", bound=ListForm)


def listing(
    kind: str, path: str, form: type[L], wanted: Callable[[Call[L], Json], bool] = lambda _call, _thing: True
) -> Endpoint:
    """`GET path`: the objects of this kind that are `wanted`."""

    def handle(call: Call[Any]) -> Json:
        form: ListForm = call.form
        found = [thing for thing in call.account.all(kind) if form.in_time(thing) and wanted(call, thing)]
        return page(call, f"/v1/{path}", found)

    return Endpoint("GET", path, form, handle)


def page(call: Call[Any], url: str, oldest_first: Sequence[Json]) -> Json:
    """The page of these that the call asks for."""
    form: PageForm = call.form
    things = list(reversed(oldest_first))
    if form.ending_before is not None:
        before = things[: _index(things, form.ending_before, "ending_before")]
        shown, more = before[-form.limit :], len(before) > form.limit
    else:
        start = 0
        if form.starting_after is not None:
            start = _index(things, form.starting_after, "starting_after") + 1
        shown, more = things[start : start + form.limit], len(things) > start + form.limit
    return {"object": "list", "data": shown, "has_more": more, "url": url}


def whole(url: str, things: list[Json]) -> Json:
    """A list inside another object."""
    return {"object": "list", "data": things, "has_more": False, "url": url}


def _index(things: list[Json], cursor: str, param: str) -> int:
    found = next((number for number, thing in enumerate(things) if thing["id"] == cursor), None)
    if found is None:
        raise StripeApiError(
            400, f"No such object: '{cursor}'", code="resource_missing", param=param, kept=False
        )
    return found
