"""What is known of one customer's subscriptions, kept the same whatever order Stripe's events come in. Pure.

Each subscription is as the latest of the events says, by Stripe's own time and not by when they came; which
of them is the customer's current one, and what follows from it, is reckoned from all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from provisioner.customers.done import STEPS, steps_done
from provisioner.customers.lifecycle import has_left
from provisioner.customers.parts.subscription import KnownSubscription, PaidItem, SubscriptionChange
from provisioner.customers.parts.upkeep import Request
from provisioner.customers.record import Customer
from provisioner.payments.events import Checkout, Envelope, SubscriptionState

STRIPE = "Stripe"
"""By whom it is said in the records that an event has done something."""
LIVE = frozenset({"active", "trialing", "past_due", "unpaid", "paused"})
_PAID = frozenset({"active", "trialing", "past_due"})
FINAL = frozenset({"canceled", "incomplete_expired"})
_RANKS = {"created": 0, "updated": 1, "resumed": 2, "paused": 2, "deleted": 3, "synced": -1}
_SINCE_EVER = ""

_Model = TypeVar("_Model", bound=BaseModel)
Known = dict[str, KnownSubscription]


@dataclass(frozen=True)
class Source:
    """Who says so: an event, or a look at Stripe, which has no `event`; `at` is a moment."""

    at: str
    event: str | None

    @classmethod
    def of(cls, envelope: Envelope) -> "Source":
        return cls(envelope.at, envelope.id)


def known_of(customer: Customer) -> Known:
    """By their ids; the one of a record that no event has touched yet is as the record says."""
    held = customer.subscription
    known = {one.id: one for one in held.known}
    if not known and held.stripe_subscription_id:
        first = _made(
            KnownSubscription,
            id=held.stripe_subscription_id,
            stripe_customer_id=held.stripe_customer_id,
            status=held.status,
            price_id=held.stripe_price_id,
            plan=held.plan,
            amount=held.amount,
            currency=held.currency,
            current_period_end=held.current_period_end,
        )
        known[first.id] = first
    return known


def with_state(known: Known, state: SubscriptionState, source: Source) -> Known:
    """What is known after this; a state that is older than the one that is known changes nothing."""
    before = known.get(state.id) or _made(KnownSubscription, id=state.id)
    if _version_known(before) > _version(state.status, source.at, state.kind, state.changed, source.event):
        return known
    said = {
        "as_of": source.at,
        "as_of_kind": state.kind,
        "as_of_changed": state.changed,
        "as_of_event": source.event,
    }
    return {**known, state.id: before.model_copy(update={**_said(state), **said})}


def is_unsure(known: Known, state: SubscriptionState, source: Source) -> bool:
    """Whether Stripe's times do not tell which of two states is the later one, and it matters."""
    before = known.get(state.id)
    if before is None or before.as_of != source.at or before.as_of_event in (None, source.event):
        return False
    if not (before.as_of_changed and state.changed):
        return False
    theirs = _version(before.status, before.as_of, before.as_of_kind, (), None)
    is_tie = theirs == _version(state.status, source.at, state.kind, (), None)
    return is_tie and before != before.model_copy(update=_said(state))


def with_look(known: Known, state: SubscriptionState) -> Known:
    """What is known after a look at Stripe that found what no event has told; an end stays one.

    It is as old as the last event: whatever event comes after that goes over it, whoever's clock is wrong.
    """
    before = known.get(state.id) or _made(KnownSubscription, id=state.id)
    if before.status in FINAL and state.status not in FINAL:
        return known
    return {**known, state.id: before.model_copy(update=_said(state))}


def with_checkout(known: Known, checkout: Checkout, at: str, messaging_name: str | None) -> Known:
    """What is known after a checkout that was finished at this moment."""
    assert checkout.subscription is not None, "whoever asks has looked before"
    before = known.get(checkout.subscription) or _made(KnownSubscription, id=checkout.subscription)
    changed: dict[str, Any] = {"stripe_customer_id": checkout.customer or before.stripe_customer_id}
    if before.signed_up_at is None or at < before.signed_up_at:
        changed |= {
            "signed_up_at": at,
            "checkout_session_id": checkout.session,
            "checkout_amount": checkout.amount,
            "checkout_currency": checkout.currency,
            "messaging_name": messaging_name or before.messaging_name,
        }
    if checkout.paid:
        changed["paid_at"] = _earlier(before.paid_at, at)
    return {**known, before.id: before.model_copy(update=changed)}


def with_payment(known: Known, subscription: str, customer: str | None, at: str) -> Known:
    """What is known after an invoice of the subscription was paid at this moment."""
    before = known.get(subscription) or _made(KnownSubscription, id=subscription, stripe_customer_id=customer)
    return {**known, subscription: before.model_copy(update={"paid_at": _earlier(before.paid_at, at)})}


def with_mode(known: Known, subscription: str | None, livemode: bool) -> Known:
    """What is known after an event of this mode."""
    one = known.get(subscription or "")
    return known if one is None else {**known, one.id: one.model_copy(update={"livemode": livemode})}


def status_of(one: KnownSubscription) -> str:
    """As Stripe says, or as far as a checkout tells."""
    return one.status or ("active" if one.paid_at else "incomplete")


def is_live(one: KnownSubscription) -> bool:
    """Whether it has begun and has not ended, paid or not."""
    return status_of(one) in LIVE


def current(known: Iterable[KnownSubscription]) -> KnownSubscription | None:
    """The one that counts: of those that live the first, else the last to begin, else the last to end."""
    everyone = sorted(known, key=lambda one: (_begun(one), one.id))
    live = [one for one in everyone if is_live(one)]
    if live:
        return live[0]
    open_ones = [one for one in everyone if status_of(one) not in FINAL]
    if open_ones:
        return open_ones[-1]
    ended = sorted(everyone, key=lambda one: (one.ended_at or _SINCE_EVER, one.id))
    return ended[-1] if ended else None


def fields_of(one: KnownSubscription) -> dict[str, object]:
    """The fields of `subscription` in the owner's schema, of the one that counts; unknown ones stay."""
    said = {
        "stripeSubscriptionId": one.id,
        "stripePriceId": one.price_id,
        "stripeCustomerId": one.stripe_customer_id,
        "plan": one.plan,
        "amount": one.checkout_amount if one.amount is None else one.amount,
        "currency": one.currency or one.checkout_currency,
        "interval": one.interval,
        "status": status_of(one),
        "currentPeriodEnd": one.current_period_end,
        "livemode": one.livemode,
    }
    fields: dict[str, object] = {
        f"subscription.{name}": value for name, value in said.items() if value is not None
    }
    return {**fields, "subscription.cancelAt": one.cancel_at, "subscription.endedAt": one.ended_at}


def document_of(known: Known) -> list[dict[str, Any]]:
    """`subscription.known`, in the order in which they began."""
    ordered = sorted(known.values(), key=lambda one: (_begun(one), one.id))
    return [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in ordered]


def change_of(state: SubscriptionState, source: Source) -> dict[str, Any] | None:
    """The entry of `subscription.changes` for this; None where nothing has changed that is paid."""
    if state.kind == "updated" and not state.changed:
        return None
    at = {"created": state.start, "deleted": state.ended_at}.get(state.kind) or source.at
    entry = _made(
        SubscriptionChange,
        at=at,
        kind=state.kind,
        event=source.event,
        changed=state.changed,
        subscription=state.id,
        status=state.status,
        items=tuple(_made(PaidItem, **vars(item)) for item in state.items),
        currency=state.currency,
        lasting_discount=dict(state.lasting_discount) if state.lasting_discount else None,
        discounts=state.discounts,
        cancel_at=state.cancel_at,
        paused=state.paused,
    )
    return entry.model_dump(mode="json", by_alias=True, exclude_none=True)


def with_change(changes: Iterable[Mapping[str, Any]], new: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The history with this entry at its place in time, once."""
    there = list(changes)
    names = ("event", "at", "subscription")
    if any(all(one.get(name) == new.get(name) for name in names) for one in there):
        return there
    return sorted([*there, new], key=_order_of_change)


def with_requests(customer: Customer, known: Known, *, at_payment: bool) -> list[dict[str, Any]]:
    """`requests` with what follows from the subscriptions, and without what does so no more."""
    wanted = _wanted(customer, current(known.values()), at_payment=at_payment)
    asked = [one for one in customer.requests if one.by != STRIPE]
    if wanted is not None and all(one.workflow != wanted.workflow for one in asked):
        asked.append(wanted)
    return [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in asked]


def _wanted(customer: Customer, one: KnownSubscription | None, *, at_payment: bool) -> Request | None:
    """What a subscription asks for: to be set up for who has paid, to leave when it has ended."""
    if one is None or has_left(customer.status):
        return None
    if status_of(one) in _PAID and one.paid_at and at_payment and len(steps_done(customer)) < len(STEPS):
        return Request(workflow="provision", at=one.paid_at, by=STRIPE, reason=f"paid for {one.id}")
    if status_of(one) == "canceled" and one.ended_at:
        return Request(workflow="cancel", at=one.ended_at, by=STRIPE, reason=f"{one.id} has ended")
    return None


def _said(state: SubscriptionState) -> dict[str, Any]:
    """The fields that a state tells."""
    first = state.items[0] if state.items else None
    return {
        "stripe_customer_id": state.customer,
        "status": state.status,
        "price_id": first.price if first else None,
        "plan": state.label or _plan(first.interval if first else None),
        "amount": first.unit_amount * first.quantity if first and first.unit_amount is not None else None,
        "currency": state.currency,
        "interval": first.interval if first else None,
        "current_period_end": state.period_end,
        "cancel_at": state.cancel_at,
        "start_date": state.start,
        "ended_at": state.ended_at,
    }


def _version_known(one: KnownSubscription) -> tuple[Any, ...]:
    return _version(one.status, one.as_of, one.as_of_kind, one.as_of_changed, one.as_of_event)


def _version(
    status: str | None, at: str | None, kind: str | None, changed: Sequence[str], event: str | None
) -> tuple[Any, ...]:
    """What sorts the states of one subscription by age.

    Stripe's times are in whole seconds, so that they alone do not tell: nothing comes after an end, and
    nothing becomes incomplete again.
    """
    if at is None:
        return (-1,)
    final = 2 if status in FINAL else 0 if status == "incomplete" else 1
    return final, at, _RANKS.get(kind or "", 0), _weight(changed), event or ""


def _weight(changed: Sequence[str]) -> int:
    """How much an event tells, beside another of its second.

    What it did not change is as it was at the event's moment, which may have been before the other. One that
    has changed nothing is never needed; another status counts for more than another price.
    """
    return 2 if "status" in changed else 1 if changed else 0


def _made(model: type[_Model], **values: object) -> _Model:
    """A part of a record from its fields' Python names."""
    return model.model_validate(values, by_name=True)


def _begun(one: KnownSubscription) -> str:
    return one.start_date or one.signed_up_at or one.paid_at or _SINCE_EVER


def _earlier(one: str | None, other: str) -> str:
    return min(one, other) if one else other


def _plan(interval: str | None) -> str | None:
    """What the plan is called where its price has no name."""
    if interval is None:
        return None
    return "stuffpress-" + {"day": "daily"}.get(interval, f"{interval}ly")


def _order_of_change(change: Mapping[str, Any]) -> tuple[str, int, int, str]:
    rank, weight = _RANKS.get(str(change.get("kind")), 0), _weight(change.get("changed") or ())
    return str(change["at"]), rank, weight, str(change.get("event") or "")
