"""A checkout: a session is opened, and somebody pays in their browser, or does not."""

from dataclasses import dataclass
from typing import Any

from provisioner.sandbox.stripe.account import Account, Behavior, Json
from provisioner.sandbox.stripe.errors import impossible
from provisioner.sandbox.stripe.life import invoices, subscriptions
from provisioner.sandbox.stripe.life.discounts import amount_of
from provisioner.sandbox.stripe.life.subscriptions import Order, trial_end_in
from provisioner.sandbox.stripe.shapes import checkout as shapes
from provisioner.sandbox.stripe.shapes.people import new_card, new_customer


@dataclass(frozen=True)
class Buyer:
    """What somebody types into the page: `fields` by the key of the session's custom fields."""

    email: str
    name: str | None = None
    fields: dict[str, str] | None = None
    card: Behavior = "pays"


def open_session(
    account: Account,
    prices: list[tuple[Json, int]],
    subscription_data: dict[str, Any] | None = None,
    **more: Any,
) -> Json:
    """A session for these prices; `more` are fields of it."""
    lines = [
        shapes.new_line_item(account, price, quantity, account.find("product", price["product"])["name"])
        for price, quantity in prices
    ]
    session = shapes.new_session(account, lines)
    session.update(more)
    # What it will make of the subscription is not shown by the session.
    account.table("subscription_data")[session["id"]] = subscription_data or {}
    return account.add(session)


def discount(session: Json, coupons: list[Json]) -> None:
    """Lower what the session comes to."""
    left = session["amount_subtotal"]
    for coupon in coupons:
        left -= min(left, amount_of(coupon, left))
    session["discounts"] = [{"coupon": coupon["id"], "promotion_code": None} for coupon in coupons]
    session["amount_total"] = left
    session["total_details"]["amount_discount"] = session["amount_subtotal"] - left


def complete(account: Account, session: Json, buyer: Buyer) -> Json:
    """Somebody fills the page in and presses the button; the subscription that came of it.

    A card that declines leaves the session open, and an incomplete subscription that ends by itself.
    """
    if session["status"] != "open":
        raise impossible(f"This Checkout Session is {session['status']}.")
    customer = _customer(account, session, buyer)
    subscription = _subscribe(account, session, customer)
    if subscription["status"] == "incomplete":
        account.tried[subscription["id"]] = lambda: _finish(account, session, customer, subscription, buyer)
    else:
        _finish(account, session, customer, subscription, buyer)
    return subscription


def finish(account: Account, subscription: Json) -> None:
    """The buyer has tried another card on the same page, and it paid."""
    finished = account.tried.pop(subscription["id"], None)
    if finished is not None:
        finished()


def _finish(account: Account, session: Json, customer: Json, subscription: Json, buyer: Buyer) -> None:
    session.update(
        status="complete",
        url=None,
        customer=customer["id"],
        subscription=subscription["id"],
        invoice=subscription["latest_invoice"],
        payment_status=_payment_status(account, subscription),
        customer_details=_details(customer, buyer),
    )
    _fill_in(session, buyer.fields or {})
    account.emit("checkout.session.completed", session)


def confirm(account: Account, subscription: Json, *, paid: bool) -> bool:
    """A payment that took days has come, or has not; False if none is under way."""
    invoice = account.find("invoice", subscription["latest_invoice"])
    payment = account.payment_of.get(invoice["id"])
    if payment is None or invoices.intent_of(account, invoice)["status"] != "processing":
        return False
    invoices.conclude(account, invoice, paid=paid)
    for session in account.all("checkout.session"):
        if session["subscription"] == subscription["id"] and session["payment_status"] == "unpaid":
            session["payment_status"] = "paid" if paid else "unpaid"
            outcome = "succeeded" if paid else "failed"
            account.emit(f"checkout.session.async_payment_{outcome}", session)
    return True


def expire(account: Account, session: Json) -> Json:
    """Nobody paid in time, or it was called off."""
    if session["status"] != "open":
        raise impossible(f"Only open Checkout Sessions can be expired. This one is {session['status']}.")
    session.update(status="expired", url=None)
    account.emit("checkout.session.expired", session)
    return session


def _customer(account: Account, session: Json, buyer: Buyer) -> Json:
    """A new one each time, unless the session names one; with the card that was typed in."""
    if session["customer"]:
        customer = account.find("customer", session["customer"])
    else:
        customer = account.add(new_customer(account, email=buyer.email, name=buyer.name))
        account.emit("customer.created", customer)
    card = account.add(new_card(account, customer, buyer.card))
    account.emit("payment_method.attached", card)
    with account.changing(customer, "customer.updated"):
        customer["invoice_settings"]["default_payment_method"] = card["id"]
    return customer


def _subscribe(account: Account, session: Json, customer: Json) -> Json:
    data = account.table("subscription_data")[session["id"]]
    lines = account.table("line_items")[session["id"]]["data"]
    order = Order(
        customer=customer,
        prices=[(line["price"], line["quantity"]) for line in lines],
        trial_end=data.get("trial_end") or trial_end_in(account, data.get("trial_period_days")),
        metadata=data.get("metadata") or {},
        coupons=[account.find("coupon", one["coupon"]) for one in session["discounts"]],
        card=customer["invoice_settings"]["default_payment_method"],
    )
    return subscriptions.begin(account, order)


def _payment_status(account: Account, subscription: Json) -> str:
    if subscription["status"] == "trialing":
        return "no_payment_required"
    invoice = account.find("invoice", subscription["latest_invoice"])
    return "paid" if invoice["status"] == "paid" else "unpaid"


def _details(customer: Json, buyer: Buyer) -> Json:
    return {
        "address": {
            "city": None,
            "country": "US",
            "line1": None,
            "line2": None,
            "postal_code": None,
            "state": None,
        },
        "business_name": None,
        "email": buyer.email,
        "individual_name": None,
        "name": buyer.name or customer["name"],
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _fill_in(session: Json, typed: dict[str, str]) -> None:
    for each in session["custom_fields"]:
        kind = each["type"]
        each[kind]["value"] = typed.get(each["key"]) or None
