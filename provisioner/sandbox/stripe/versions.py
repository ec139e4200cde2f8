"""API versions: objects are kept in the current shape, and rendered for clients of before basil.

Up to 2025-03-31 a subscription had its period itself, not its items; an invoice named its subscription
and said `paid`. Its charge and payment intent, which it named too, are left out, and so is the `discount`
of a subscription that has one.
"""

import copy
import re
from typing import Any, Final

CURRENT: Final = "2026-10-28.endive"
OLD: Final = "2024-06-20"
_BASIL: Final = "2025-03-31"
_FORM: Final = re.compile(r"20\d\d-(0[1-9]|1[0-2])-([0-2]\d|3[01])(\.[a-z]+)?")
_PERIOD: Final = ("current_period_start", "current_period_end")

Json = dict[str, Any]


def known_version(version: str) -> bool:
    """Whether it is written as a version, and is not after the current one."""
    return _FORM.fullmatch(version) is not None and version[:10] <= CURRENT[:10]


def rendered(value: Any, version: str) -> Any:
    """A copy of an object, with what is inside it, as this version shows it."""
    value = copy.deepcopy(value)
    return value if version[:10] >= _BASIL else _old(value)


def rendered_event(event: Json, version: str) -> Json:
    """An event with its object as this version shows it, and the version's name."""
    data = copy.deepcopy(event["data"])
    if version[:10] < _BASIL:
        if "previous_attributes" in data:
            data["previous_attributes"] = _old_changes(data["object"]["object"], data["previous_attributes"])
        data["object"] = _old(data["object"])
    return {**event, "api_version": version, "data": data}


def _old(value: Any) -> Any:
    if isinstance(value, list):
        return [_old(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("object") == "event":
        # It stays in the version that it was made in.
        return value
    value = {name: _old(inner) for name, inner in value.items()}
    shape = _SHAPES.get(str(value.get("object")))
    return shape(value) if shape and not value.get("deleted") else value


def _old_subscription(subscription: Json) -> Json:
    items = subscription["items"]["data"]
    # The items were made old before: the period waits on them under another name.
    period = items[0].get("_period", {}) if items else {}
    for item in items:
        item.pop("_period", None)
    first = items[0] if items else {}
    return {
        **subscription,
        **period,
        **({} if subscription["discounts"] else {"discount": None}),
        "plan": first.get("plan"),
        "quantity": first.get("quantity"),
    }


def _old_item(item: Json) -> Json:
    period = {name: item.pop(name) for name in _PERIOD if name in item}
    return {**item, "_period": period}


def _old_invoice(invoice: Json) -> Json:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return {
        **{name: value for name, value in invoice.items() if name != "parent"},
        "paid": invoice["status"] == "paid",
        "subscription": details.get("subscription"),
        "subscription_details": {"metadata": details.get("metadata") or {}},
        "discount": None,
        "tax": None,
    }


def _old_line(line: Json) -> Json:
    parent = (line.pop("parent", None) or {}).get("subscription_item_details") or {}
    price = (line.pop("pricing", None) or {}).get("price_details") or {}
    return {
        **line,
        "type": "subscription",
        "subscription_item": parent.get("subscription_item"),
        "proration": parent.get("proration", False),
        "price": {"id": price.get("price"), "object": "price", "product": price.get("product")},
    }


def _old_changes(kind: str, changes: Json) -> Json:
    """Of a subscription: a period that changed on its items has changed on itself."""
    if kind != "subscription" or "items" not in changes:
        return changes
    items = changes["items"].get("data", [])
    period = {name: items[0][name] for name in _PERIOD if items and name in items[0]}
    stripped = [{name: value for name, value in item.items() if name not in _PERIOD} for item in items]
    return {**changes, **period, "items": {"data": stripped}}


_SHAPES = {
    "subscription": _old_subscription,
    "subscription_item": _old_item,
    "invoice": _old_invoice,
    "line_item": _old_line,
}
