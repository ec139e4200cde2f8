"""Stripe's events as typed values, from the JSON of its current and its older versions. Pure.

Where the end of a paid period stands, and how an invoice names its subscription, has changed between
versions (2025-03-31): the place is looked for, not the version.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from provisioner.payments.errors import StrangeEvent
from provisioner.timestamps import from_epoch

Json = Mapping[str, Any]
Kind = Literal["created", "updated", "deleted", "paused", "resumed", "synced"]

_DOING = "understand the event"


@dataclass(frozen=True)
class Envelope:
    """What every event says about itself; `created` is when it happened, in seconds since 1970."""

    id: str
    type: str
    created: int
    livemode: bool
    api_version: str | None
    object: Json
    previous: Json

    @property
    def at(self) -> str:
        """When it happened, as records have moments."""
        return from_epoch(self.created)


@dataclass(frozen=True)
class Item:
    """One thing that a subscription is for, at `unit_amount` for each period; None for tiers."""

    price: str | None
    unit_amount: int | None
    unit_amount_decimal: str | None
    quantity: int
    interval: str | None
    interval_count: int
    metered: bool


@dataclass(frozen=True)
class Checkout:
    """A checkout for a subscription has ended: well, or not (`failed`)."""

    session: str
    customer: str | None
    subscription: str | None
    email: str | None
    name: str | None
    paid: bool
    failed: str | None
    amount: int | None
    currency: str | None
    metadata: Mapping[str, str]
    fields: Mapping[str, str]
    """What the customer has written into the checkout's own fields, by their keys."""


@dataclass(frozen=True)
class SubscriptionState:
    """How a subscription was when the event was made; `kind` is what had happened to it."""

    kind: Kind
    id: str
    customer: str
    status: str
    items: tuple[Item, ...]
    currency: str | None
    label: str | None
    period_end: str | None
    cancel_at: str | None
    start: str | None
    ended_at: str | None
    lasting_discount: Mapping[str, Any] | None
    discounts: tuple[str, ...]
    paused: str | None
    reason: str | None
    """Why it was cancelled, in Stripe's words."""
    changed: tuple[str, ...]
    """Of what matters to us, that which is said to have changed."""
    was: str | None
    """The status before."""


@dataclass(frozen=True)
class Invoice:
    """Something has become of an invoice."""

    kind: Literal["paid", "payment_failed", "payment_action_required", "marked_uncollectible", "unfinished"]
    id: str
    customer: str | None
    subscription: str | None
    amount: int
    currency: str | None
    attempts: int
    next_attempt: str | None


@dataclass(frozen=True)
class Refund:
    """Money went back; `refunded` is all of a charge that has gone back until then."""

    charge: str
    customer: str | None
    refunded: int
    amount: int
    currency: str | None


@dataclass(frozen=True)
class Dispute:
    """A bank takes money back, or warns that it may; of the customer only the charge is known."""

    kind: Literal["opened", "closed", "warning"]
    charge: str | None
    amount: int | None
    currency: str | None
    reason: str | None
    status: str | None
    answer_by: str | None


@dataclass(frozen=True)
class Contact:
    """The customer's name or address at Stripe has changed."""

    customer: str
    email: str | None
    name: str | None
    old_email: str | None
    """None where the address has not changed."""


About = Checkout | SubscriptionState | Invoice | Refund | Dispute | Contact


@dataclass(frozen=True)
class StripeEvent:
    """One event of a kind that means something to us."""

    envelope: Envelope
    about: About


def read_event(text: str) -> tuple[Envelope, Json]:
    """What it says about itself, and its document; StrangeEvent if the text is no event."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise StrangeEvent(_DOING, cause="it is not JSON") from None
    return envelope_of(document), document


def envelope_of(document: object) -> Envelope:
    """StrangeEvent if the document is no event."""
    match document:
        case {
            "object": "event",
            "id": str(event_id),
            "type": str(kind),
            "created": int(created),
            "livemode": bool(livemode),
            "data": {"object": dict(about), **data},
        } if _is_id(event_id) and 0 <= created < 2**40:
            previous = data.get("previous_attributes")
            version = document.get("api_version") if isinstance(document, dict) else None
            return Envelope(
                event_id,
                kind,
                created,
                livemode,
                version if isinstance(version, str) else None,
                about,
                previous if isinstance(previous, dict) else {},
            )
    raise StrangeEvent(_DOING, cause="it has not the fields of an event")


def understood(envelope: Envelope) -> StripeEvent | None:
    """What the event says; None if it is of a kind that means nothing to us. StrangeEvent if it is odd."""
    read = _READERS.get(envelope.type)
    if read is None:
        return None
    try:
        about = read(envelope)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as problem:
        cause = f"{envelope.type} {envelope.id} is not as documented: {problem!r}"
        raise StrangeEvent(_DOING, cause=cause) from None
    return None if about is None else StripeEvent(envelope, about)


def state_of(subscription: Json, kind: Kind = "synced", previous: Json | None = None) -> SubscriptionState:
    """A subscription as Stripe's API has it; what it raises is one of Python's own errors."""
    before = previous or {}
    items = tuple(map(_item, subscription["items"]["data"]))
    details = subscription.get("cancellation_details") or {}
    lasting, others = _discounts(subscription)
    return SubscriptionState(
        kind=kind,
        id=_text(subscription["id"]),
        customer=_required_id(subscription["customer"]),
        status=_text(subscription["status"]),
        items=items,
        currency=_currency(subscription),
        label=_label(subscription),
        period_end=_moment(_period_end(subscription)),
        cancel_at=_moment(_cancel_at(subscription)),
        start=_moment(subscription.get("start_date") or subscription.get("start")),
        ended_at=_moment(subscription.get("ended_at")),
        lasting_discount=lasting,
        discounts=others,
        paused=(subscription.get("pause_collection") or {}).get("behavior"),
        reason=", ".join(filter(None, (details.get("reason"), details.get("feedback")))) or None,
        changed=tuple(_changed(before, items)),
        was=before.get("status"),
    )


def _checkout(envelope: Envelope) -> Checkout | None:
    session = envelope.object
    if session["mode"] != "subscription":
        return None
    person = session.get("customer_details") or {}
    failed = {
        "checkout.session.async_payment_failed": "the payment failed",
        "checkout.session.expired": "it was not finished",
    }
    return Checkout(
        session=_text(session["id"]),
        customer=_id(session.get("customer")),
        subscription=_id(session.get("subscription")),
        email=person.get("email") or session.get("customer_email"),
        name=person.get("name"),
        paid=session["payment_status"] in ("paid", "no_payment_required"),
        failed=failed.get(envelope.type),
        amount=_whole(session.get("amount_total")),
        currency=session.get("currency"),
        metadata=_texts(session.get("metadata")),
        fields=dict(_custom_fields(session)),
    )


def _subscription(envelope: Envelope) -> SubscriptionState:
    kinds: Mapping[str, Kind] = {
        "created": "created",
        "updated": "updated",
        "deleted": "deleted",
        "paused": "paused",
        "resumed": "resumed",
    }
    kind = kinds[envelope.type.rpartition(".")[2]]
    return state_of(envelope.object, kind, envelope.previous)


def _invoice(envelope: Envelope) -> Invoice:
    invoice = envelope.object
    said = envelope.type.partition(".")[2]
    kind: Any = "unfinished" if said == "finalization_failed" else said
    return Invoice(
        kind=kind,
        id=_text(invoice["id"]),
        customer=_id(invoice.get("customer")),
        subscription=_subscription_of(invoice),
        amount=int(invoice["amount_paid" if kind == "paid" else "amount_due"]),
        currency=invoice.get("currency"),
        attempts=int(invoice.get("attempt_count") or 0),
        next_attempt=_moment(invoice.get("next_payment_attempt")),
    )


def _refund(envelope: Envelope) -> Refund:
    charge = envelope.object
    return Refund(
        charge=_text(charge["id"]),
        customer=_id(charge.get("customer")),
        refunded=int(charge["amount_refunded"]),
        amount=int(charge["amount"]),
        currency=charge.get("currency"),
    )


def _dispute(envelope: Envelope) -> Dispute:
    about = envelope.object
    kinds: Mapping[str, Literal["opened", "closed", "warning"]] = {
        "charge.dispute.created": "opened",
        "charge.dispute.closed": "closed",
        "radar.early_fraud_warning.created": "warning",
    }
    evidence = about.get("evidence_details") or {}
    return Dispute(
        kind=kinds[envelope.type],
        charge=_id(about.get("charge")),
        amount=_whole(about.get("amount")),
        currency=about.get("currency"),
        reason=about.get("reason") or about.get("fraud_type"),
        status=about.get("status"),
        answer_by=_moment(evidence.get("due_by")),
    )


def _contact(envelope: Envelope) -> Contact | None:
    person, before = envelope.object, envelope.previous
    if not {"email", "name"} & set(before):
        return None
    return Contact(
        customer=_text(person["id"]),
        email=person.get("email"),
        name=person.get("name"),
        old_email=before.get("email"),
    )


_READERS: Mapping[str, Callable[[Envelope], About | None]] = {
    "checkout.session.completed": _checkout,
    "checkout.session.async_payment_succeeded": _checkout,
    "checkout.session.async_payment_failed": _checkout,
    "checkout.session.expired": _checkout,
    "customer.subscription.created": _subscription,
    "customer.subscription.updated": _subscription,
    "customer.subscription.deleted": _subscription,
    "customer.subscription.paused": _subscription,
    "customer.subscription.resumed": _subscription,
    "customer.updated": _contact,
    "invoice.paid": _invoice,
    "invoice.payment_failed": _invoice,
    "invoice.payment_action_required": _invoice,
    "invoice.marked_uncollectible": _invoice,
    "invoice.finalization_failed": _invoice,
    "charge.refunded": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.closed": _dispute,
    "radar.early_fraud_warning.created": _dispute,
}
TYPES = tuple(_READERS)
"""The kinds of events that mean something to us: what the endpoint at Stripe should be subscribed to."""


def _is_id(text: str) -> bool:
    return text.startswith("evt_") and len(text) <= 250 and text.isascii() and text.replace("_", "").isalnum()


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value


def _id(value: object) -> str | None:
    """An id, or that of the object which stands in its place where it was asked for."""
    return _text(value["id"] if isinstance(value, Mapping) else value) if value else None


def _required_id(value: object) -> str:
    found = _id(value)
    return _text(found)


def _subscription_of(invoice: Json) -> str | None:
    """The subscription that an invoice is for: in the parent, and in older versions on the invoice."""
    parent = (invoice.get("parent") or {}).get("subscription_details") or {}
    return _id(parent.get("subscription") or invoice.get("subscription"))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(epoch: object) -> str | None:
    found = _whole(epoch)
    return from_epoch(found) if found is not None else None


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, Mapping) else {}


def _custom_fields(session: Json) -> list[tuple[str, str]]:
    fields = session.get("custom_fields") or ()
    values = ((field["key"], (field.get(field["type"]) or {}).get("value")) for field in fields)
    return [(str(key), str(value)) for key, value in values if value]


def _item(item: Json) -> Item:
    price = item.get("price") or item["plan"]
    recurring = price.get("recurring") or price
    amount = price.get("unit_amount", price.get("amount"))
    decimal = price.get("unit_amount_decimal", price.get("amount_decimal"))
    return Item(
        price=_id(price),
        unit_amount=_whole(amount),
        unit_amount_decimal=None if decimal is None else str(decimal),
        quantity=int(item.get("quantity") or 1),
        interval=recurring.get("interval"),
        interval_count=int(recurring.get("interval_count") or 1),
        metered=recurring.get("usage_type") == "metered",
    )


def _first_price(subscription: Json) -> Json:
    first: Json = next(iter(subscription["items"]["data"]), {})
    return first.get("price") or first.get("plan") or {}


def _currency(subscription: Json) -> str | None:
    found = subscription.get("currency") or _first_price(subscription).get("currency")
    return _text(found) if found else None


def _label(subscription: Json) -> str | None:
    """What the price is called; None where it has no name."""
    price = _first_price(subscription)
    return price.get("lookup_key") or price.get("nickname")


def _period_end(subscription: Json) -> int | None:
    """The earliest end: when something is charged next."""
    ends = [_whole(item.get("current_period_end")) for item in subscription["items"]["data"]]
    known = [end for end in ends if end is not None]
    return min(known) if known else _whole(subscription.get("current_period_end"))


def _cancel_at(subscription: Json) -> int | None:
    """Either field means that it is going to end."""
    at = _whole(subscription.get("cancel_at"))
    if at is None and subscription.get("cancel_at_period_end"):
        return _period_end(subscription)
    return at


def _discounts(subscription: Json) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """What lasts for ever of them, and the ids of those of which only that is known."""
    older = subscription.get("discount")
    found = [*(subscription.get("discounts") or ()), *([older] if older else ())]
    ids = tuple(one for one in found if isinstance(one, str))
    for one in found:
        if isinstance(one, Mapping):
            coupon = one.get("coupon") or (one.get("source") or {}).get("coupon")
            if isinstance(coupon, str):
                ids = (*ids, coupon)
            elif isinstance(coupon, Mapping) and coupon.get("duration") == "forever":
                names = {"percent_off": "percentOff", "amount_off": "amountOff"}
                return {ours: coupon[name] for name, ours in names.items() if coupon.get(name)}, ids
    return None, ids


_WATCHED = (
    "status",
    "quantity",
    "plan",
    "discounts",
    "discount",
    "cancel_at",
    "cancel_at_period_end",
    "pause_collection",
    "trial_end",
    "ended_at",
)


def _changed(before: Json, items: tuple[Item, ...]) -> list[str]:
    changed = [name for name in _WATCHED if name in before]
    if "items" in before and _old_items(before["items"]) != items:
        changed.append("items")
    return changed


def _old_items(items: Any) -> tuple[Item, ...] | None:
    """None where they are not told whole."""
    try:
        return tuple(map(_item, items["data"]))
    except (KeyError, TypeError, AttributeError):
        return None
