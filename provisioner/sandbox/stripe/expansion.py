"""`expand`: objects in the place of their ids, and parts that are left out without it."""

import copy
from collections.abc import Callable
from typing import Any, Final

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.errors import invalid
from provisioner.sandbox.stripe.lists import whole

_KINDS: Final = {
    "balance_transaction": "balance_transaction",
    "charge": "charge",
    "coupon": "coupon",
    "configuration": "billing_portal.configuration",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "default_price": "price",
    "discounts": "discount",
    "invoice": "invoice",
    "latest_charge": "charge",
    "latest_invoice": "invoice",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "price": "price",
    "product": "product",
    "subscription": "subscription",
}
"""What the id in a field of this name is an id of."""


def expanded(account: Account, body: Json, paths: list[str]) -> Json:
    """A copy of an answer with these paths expanded; StripeApiError for one that cannot be."""
    body = copy.deepcopy(body)
    for path in paths:
        _walk(account, body, path.split("."), path)
    return body


def _walk(account: Account, at: Any, steps: list[str], path: str) -> None:
    if isinstance(at, list):
        for one in at:
            _walk(account, one, steps, path)
        return
    if not steps or at is None:
        return
    name, rest = steps[0], steps[1:]
    part = _PARTS.get((str(at.get("object")), name))
    if part is not None and name not in at:
        at[name] = copy.deepcopy(part(account, at))
    elif name not in at:
        raise _cannot(path)
    elif isinstance(at[name], str):
        at[name] = _object(account, name, at[name], path)
    elif isinstance(at[name], list) and name in _KINDS:
        at[name] = [_object(account, name, one, path) if isinstance(one, str) else one for one in at[name]]
    elif at[name] is not None and not isinstance(at[name], dict | list):
        raise _cannot(path)
    _walk(account, at[name], rest, path)


def _object(account: Account, name: str, wanted: str, path: str) -> Json:
    if name not in _KINDS:
        raise _cannot(path)
    return copy.deepcopy(account.find(_KINDS[name], wanted, param=None))


def _cannot(path: str) -> Exception:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")


def _line_items(account: Account, session: Json) -> Json:
    return whole(
        f"/v1/checkout/sessions/{session['id']}/line_items",
        account.table("line_items")[session["id"]]["data"],
    )


def _payments(account: Account, invoice: Json) -> Json:
    payment = account.payment_of.get(invoice["id"])
    return whole(f"/v1/invoice_payments?invoice={invoice['id']}", [payment] if payment else [])


def _refunds(account: Account, charge: Json) -> Json:
    found = [one for one in reversed(account.all("refund")) if one["charge"] == charge["id"]]
    return whole(f"/v1/charges/{charge['id']}/refunds", found)


def _subscriptions(account: Account, customer: Json) -> Json:
    found = [
        one
        for one in reversed(account.all("subscription"))
        if one["customer"] == customer["id"] and one["status"] != "canceled"
    ]
    return whole(f"/v1/customers/{customer['id']}/subscriptions", found)


_PARTS: Final[dict[tuple[str, str], Callable[[Account, Json], Json]]] = {
    ("checkout.session", "line_items"): _line_items,
    ("invoice", "payments"): _payments,
    ("charge", "refunds"): _refunds,
    ("customer", "subscriptions"): _subscriptions,
}
