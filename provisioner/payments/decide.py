"""What an event of Stripe means for a customer. Pure: nothing is read, written or sent here.

What becomes of a record does not depend on the order in which events come: each entry of the timeline is
told by its event alone, and the fields by all that is known after it (`subscriptions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch

from provisioner.customers.addresses import fold
from provisioner.customers.leaving import is_leaving
from provisioner.customers.lifecycle import has_left
from provisioner.customers.new import SignUp
from provisioner.customers.record import Customer
from provisioner.errors import InputError
from provisioner.messaging.telegram.usernames import stated_username
from provisioner.payments import subscriptions
from provisioner.payments.events import (
    About,
    Checkout,
    Contact,
    Dispute,
    Envelope,
    Invoice,
    Refund,
    StripeEvent,
    SubscriptionState,
)
from provisioner.payments.money import in_words
from provisioner.payments.subscriptions import Known, Source
from provisioner.printable import command


@dataclass(frozen=True)
class Policy:
    """What the operator has decided: whether who has paid is set up at once, and what a field is called."""

    at_payment: bool = True
    telegram_field: str = "telegram"


@dataclass(frozen=True)
class Told:
    """What an event says, whoever it is about: an entry of the timeline, and words to the operator."""

    event: str | None = None
    details: str = ""
    operator: str | None = None


@dataclass(frozen=True)
class Decision:
    """What becomes of the record: fields by dotted path, an entry of what was paid when, and what is told."""

    fields: Mapping[str, object] = field(default_factory=dict)
    change: Mapping[str, object] | None = None
    told: Told = Told()
    unsure: bool = False
    """Whether only Stripe knows how the subscription is now: two events of one second differ."""


def begins(event: StripeEvent, policy: Policy) -> SignUp | None:
    """The new customer whom an event brings where nobody is known; None if it brings none."""
    about = event.about
    if not isinstance(about, Checkout) or about.failed or not about.subscription or not about.email:
        return None
    found = {name.lower().replace("_", "").replace("-", ""): text for name, text in about.metadata.items()}
    return SignUp(
        about.email,
        about.subscription,
        name=about.name,
        telegram=_messaging_name(about, policy),
        referrer=found.get("referrer"),
        landing_page=found.get("landingpage", "stuffpress"),
    )


def decide(event: StripeEvent, customer: Customer, policy: Policy) -> Decision:
    """What the event means for the customer whom it is about."""
    source, about = Source.of(event.envelope), event.about
    before = subscriptions.known_of(customer)
    known = _known_after(before, event, policy)
    fields = _subscription_fields(customer, before, known)
    change, unsure = None, False
    if isinstance(about, SubscriptionState):
        change = subscriptions.change_of(about, source)
        unsure = subscriptions.is_unsure(before, about, source)
    if isinstance(about, Checkout) and not about.failed:
        fields |= _sign_up(customer, known, about, event.envelope)
    if isinstance(about, Contact):
        fields |= _contact(customer, about.email, about.name, event.envelope)
    fields |= _requests(customer, known, policy)
    told = told_of(event)
    odd = _returned(customer, about) or _second(about, known)
    return Decision(fields, change, replace(told, operator=odd) if odd else told, unsure)


def synced(customer: Customer, state: SubscriptionState, at: str, policy: Policy) -> Decision:
    """What a subscription means that was looked at at this moment; nothing if it is as it is known."""
    before = subscriptions.known_of(customer)
    known = subscriptions.with_look(before, state)
    if known == before:
        return Decision()
    fields = _subscription_fields(customer, before, known) | _requests(customer, known, policy)
    words = f"{state.id} is {state.status} at Stripe: {_in_words(state)}"
    change = subscriptions.change_of(state, Source(at, None))
    return Decision(fields, change, Told("subscription_synced", words))


def told_of(event: StripeEvent) -> Told:
    """What the event says by itself."""
    return _told(event.about)


def _known_after(known: Known, event: StripeEvent, policy: Policy) -> Known:
    about, envelope = event.about, event.envelope
    match about:
        case SubscriptionState():
            after = subscriptions.with_state(known, about, Source.of(envelope))
            return subscriptions.with_mode(after, about.id, envelope.livemode)
        case Checkout(subscription=str(subscription), failed=None):
            after = subscriptions.with_checkout(known, about, envelope.at, _messaging_name(about, policy))
            return subscriptions.with_mode(after, subscription, envelope.livemode)
        case Invoice(kind="paid", subscription=str(subscription)):
            return subscriptions.with_payment(known, subscription, about.customer, envelope.at)
    return known


def _subscription_fields(customer: Customer, before: Known, known: Known) -> dict[str, object]:
    if known == before and customer.subscription.known:
        return {}
    one = subscriptions.current(known.values())
    fields = subscriptions.fields_of(one) if one else {}
    return {**fields, "subscription.known": subscriptions.document_of(known)}


def _requests(customer: Customer, known: Known, policy: Policy) -> dict[str, object]:
    there = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in customer.requests]
    asked = subscriptions.with_requests(customer, known, at_payment=policy.at_payment)
    return {} if asked == there else {"requests": asked}


def _sign_up(customer: Customer, known: Known, checkout: Checkout, envelope: Envelope) -> dict[str, object]:
    fields: dict[str, object] = {}
    begun_here = customer.subscription.contact_as_of is not None
    if begun_here:
        fields |= _contact(customer, checkout.email, checkout.name, envelope)
        if customer.signup_date is None or envelope.at < customer.signup_date:
            fields["signupDate"] = envelope.at
    elif checkout.name and not customer.name:
        fields["name"] = checkout.name
    given = [one for one in known.values() if one.messaging_name]
    messaging = customer.setup.messaging
    if given and not messaging.user_id and messaging.username in (None, *(x.messaging_name for x in given)):
        first = min(given, key=lambda one: (one.signed_up_at or "", one.id))
        if first.messaging_name != messaging.username:
            fields["setup.messaging.username"] = first.messaging_name
    return fields


def _contact(
    customer: Customer, email: str | None, name: str | None, envelope: Envelope
) -> dict[str, object]:
    """Name and address, unless something later was said about them."""
    version = contact_version(envelope)
    if version <= (customer.subscription.contact_as_of or ""):
        return {}
    due = customer.subscription.address_due
    if due is not None and email:
        # Until Stripe has been told, the address that it knows is the old one.
        settled = {"subscription.addressDue": None} if fold(email) == fold(due.email) else {}
        return {**_contact_fields(name, None), **settled, "subscription.contactAsOf": version}
    return {**_contact_fields(name, email), "subscription.contactAsOf": version}


def _contact_fields(name: str | None, email: str | None) -> dict[str, object]:
    said = {"name": name, "email": email}
    return {key: value for key, value in said.items() if value}


def contact_version(envelope: Envelope) -> str:
    """What sorts what Stripe has said of a customer's name and address by age.

    Its times are whole seconds: within one, who changes an address has bought before.
    """
    rank = 2 if envelope.type == "customer.updated" else 1
    return f"{envelope.at} {rank} {envelope.id}"


def _messaging_name(checkout: Checkout, policy: Policy) -> str | None:
    """The customer's username on Telegram, as they have typed it into the checkout; None if it is none."""
    typed = checkout.fields.get(policy.telegram_field) or next(
        (value for key, value in sorted(checkout.fields.items()) if "telegram" in key.lower()), None
    )
    try:
        return stated_username(typed) if typed else None
    except InputError:
        return None


def _returned(customer: Customer, about: About) -> str | None:
    """What the operator is told when somebody pays who has left."""
    if not has_left(customer.status) or not isinstance(about, Checkout) or not about.paid:
        return None
    undo = command("cancel", customer.email, options="--undo")
    back = undo if is_leaving(customer) else command("restore", customer.email)
    return (
        f"has paid for {about.subscription}, and the status is {customer.status}; if they come back: {back}"
    )


def _second(about: About, known: Known) -> str | None:
    """What the operator is told when somebody pays twice."""
    if not isinstance(about, Checkout | SubscriptionState):
        return None
    live = [one.id for one in known.values() if subscriptions.is_live(one)]
    named = about.id if isinstance(about, SubscriptionState) else about.subscription
    new = isinstance(about, Checkout) or about.kind == "created"
    if len(live) < 2 or not new or named not in live:
        return None
    return f"has {len(live)} subscriptions that go on: {', '.join(sorted(live))}; end one of them at Stripe"


@singledispatch
def _told(about: object) -> Told:
    raise TypeError(type(about))


@_told.register
def _told_checkout(about: Checkout) -> Told:
    amount = in_words(about.amount, about.currency)
    if about.failed:
        return Told("checkout_failed", f"The checkout came to nothing: {about.failed}")
    if about.paid:
        return Told("checkout_paid", f"Paid {amount} at the checkout for {about.subscription}")
    return Told("checkout_completed", f"Has ordered {about.subscription} for {amount}, not paid yet")


@_told.register
def _told_state(about: SubscriptionState) -> Told:
    words = _in_words(about)
    match about.kind:
        case "created":
            return Told("subscription_started", f"{about.id} is {about.status}: {words}")
        case "deleted":
            why = f" ({about.reason})" if about.reason else ""
            return Told("subscription_ended", f"{about.id} has ended{why}")
        case "paused" | "resumed":
            return Told(f"subscription_{about.kind}", f"{about.id} is {about.status}")
    changes = [*_changes(about)]
    return Told("subscription_changed", f"{about.id}: {'; '.join(changes)}") if changes else Told()


@_told.register
def _told_invoice(about: Invoice) -> Told:
    amount = in_words(about.amount, about.currency)
    if about.kind == "paid":
        return Told("payment_received", f"{amount} ({about.id})") if about.amount else Told()
    if about.kind == "payment_failed":
        then = f"tried again at {about.next_attempt}" if about.next_attempt else "not tried again"
        return Told("payment_failed", f"{amount} ({about.id}), attempt {about.attempts}; {then}")
    whys = {
        "payment_action_required": "the customer has to confirm the payment",
        "marked_uncollectible": "it was written off",
        "unfinished": "Stripe could not finish the invoice",
    }
    problem = f"{amount} ({about.id}): {whys[about.kind]}"
    return Told("payment_problem", problem, operator=None if "confirm" in problem else f"invoice {problem}")


@_told.register
def _told_refund(about: Refund) -> Told:
    back, of = in_words(about.refunded, about.currency), in_words(about.amount, about.currency)
    words = f"{back} of {of} went back ({about.charge})"
    return Told("refunded", words, operator=f"was refunded: {words}")


@_told.register
def _told_dispute(about: Dispute) -> Told:
    amount = in_words(about.amount, about.currency)
    why = f": {about.reason}" if about.reason else ""
    if about.kind == "closed":
        words = f"The dispute over {amount} is closed: {about.status} ({about.charge})"
        return Told("dispute_closed", words, operator=words)
    if about.kind == "warning":
        words = f"The bank warns of fraud{why} ({about.charge})"
        return Told("fraud_warning", words, operator=words)
    until = f"; answer at Stripe until {about.answer_by}" if about.answer_by else ""
    words = f"The customer's bank takes {amount} back{why} ({about.charge}){until}"
    return Told("disputed", words, operator=words)


@_told.register
def _told_contact(about: Contact) -> Told:
    if about.old_email:
        return Told("address_changed", f"At Stripe the address is {about.email} now (was {about.old_email})")
    return Told("name_changed", f"At Stripe the name is {about.name or 'unknown'} now")


def _in_words(state: SubscriptionState) -> str:
    items = [
        f"{item.quantity} × " * (item.quantity != 1)
        + in_words(item.unit_amount, state.currency)
        + f" {_period(item.interval, item.interval_count)}"
        for item in state.items
    ]
    return " and ".join(items) or "nothing"


def _period(interval: str | None, count: int) -> str:
    if interval is None:
        return "once"
    return f"a {interval}" if count == 1 else f"every {count} {interval}s"


def _changes(state: SubscriptionState) -> list[str]:
    changed = set(state.changed)
    words = []
    if "status" in changed:
        words.append(f"{state.status} (was {state.was})")
    if {"cancel_at", "cancel_at_period_end"} & changed and state.status not in ("canceled",):
        words.append(f"it ends at {state.cancel_at}" if state.cancel_at else "it goes on after all")
    if {"items", "quantity", "plan"} & changed:
        words.append(_in_words(state))
    if {"discounts", "discount"} & changed:
        words.append("other discounts")
    if "pause_collection" in changed:
        words.append("nothing is collected for now" if state.paused else "payments are collected again")
    return words
