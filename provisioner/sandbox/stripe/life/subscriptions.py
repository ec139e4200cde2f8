"""Subscriptions: begun, renewed, changed, paused, cancelled."""

from dataclasses import dataclass, field
from typing import Any, Final

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.clock import DAY, after, in_days
from provisioner.sandbox.stripe.errors import impossible
from provisioner.sandbox.stripe.life import discounts, invoices, standing
from provisioner.sandbox.stripe.life.cards import card_of
from provisioner.sandbox.stripe.shapes.invoices import new_line
from provisioner.sandbox.stripe.shapes.subscriptions import (
    cancellation_details,
    new_item,
    new_subscription,
    set_items,
)

FIRST_PAYMENT_WITHIN: Final = 23 * 3600
TRIAL_NOTICE: Final = 3 * DAY
_UPDATED: Final = "customer.subscription.updated"


@dataclass(frozen=True)
class Order:
    """What somebody subscribes to: prices with their quantities; `trial_end` is when it begins to cost."""

    customer: Json
    prices: list[tuple[Json, int]]
    trial_end: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    card: str | None = None
    billing_mode: str = "flexible"
    coupons: list[Json] = field(default_factory=list)
    without_card: str = "create_invoice"
    """What the end of the trial does when there is no card then: that, `pause` or `cancel`."""


def begin(account: Account, order: Order, *, pay: bool = True) -> Json:
    """A new subscription with its first invoice, paid now if `pay` and the card allow it."""
    subscription = _make(account, order)
    lines = [_line(account, item, trial=order.trial_end is not None) for item in _items(subscription)]
    invoice = invoices.draft(account, subscription, "subscription_create", _period(subscription), lines)
    account.emit("customer.subscription.created", subscription)
    invoices.finalize(account, invoice)
    if pay:
        invoices.attempt(account, invoice)
    return subscription


def renew(account: Account, subscription: Json) -> Json | None:
    """The next period, and its invoice: a draft for an hour.

    None where the draft stays one, because the subscription is unpaid or its collection paused.
    """
    trial_ended = subscription["status"] == "trialing"
    with account.changing(subscription, _UPDATED):
        for item in _items(subscription):
            item.update(
                zip(
                    ("current_period_start", "current_period_end"),
                    _next_period(item, subscription),
                    strict=True,
                )
            )
        if trial_ended:
            subscription["status"] = "active"
        discounts.drop_ended(account, subscription)
        invoice = invoices.draft(
            account,
            subscription,
            "subscription_cycle",
            _period(subscription),
            [_line(account, item) for item in _items(subscription)],
        )
    paused = subscription["pause_collection"]
    if subscription["status"] == "unpaid" or (paused and paused["behavior"] == "keep_as_draft"):
        invoice.update(auto_advance=False, automatically_finalizes_at=None)
        return None
    return invoice


def end_trial(account: Account, subscription: Json) -> None:
    """It begins to cost; without a card, what was agreed for that."""
    agreed = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if agreed == "create_invoice" or card_of(account, subscription) is not None:
        renew(account, subscription)
    elif agreed == "pause":
        _pause(account, subscription, "trial_end_without_payment_method")
    else:
        standing.end(account, subscription, None)


def renew_now(account: Account, subscription: Json) -> Json:
    """As with `billing_cycle_anchor=now`: the period begins anew at this moment, and is asked for at once."""
    if subscription["status"] not in ("active", "trialing"):
        raise impossible(f"A subscription that is {subscription['status']} cannot be renewed.")
    subscription["billing_cycle_anchor"] = account.now
    for item in _items(subscription):
        item["current_period_end"] = account.now
    invoice = renew(account, subscription)
    if invoice is None:
        raise impossible("The collection of its payments is paused.")
    collect(account, invoice)
    return invoice


def collect(account: Account, invoice: Json) -> None:
    """When a draft's hour is over: asked for, or what the pause of its subscription says."""
    paused = standing.subscription_of(account, invoice)["pause_collection"]
    invoices.finalize(account, invoice)
    if invoice["status"] == "open" and paused and paused["behavior"] == "void":
        invoices.void(account, invoice)
    elif invoice["status"] == "open" and paused and paused["behavior"] == "mark_uncollectible":
        invoices.write_off(account, invoice)
    else:
        invoices.attempt(account, invoice)


def expire(account: Account, subscription: Json) -> None:
    """Its first payment did not come."""
    with account.changing(subscription, _UPDATED):
        subscription.update(status="incomplete_expired", ended_at=account.now)
    for invoice in account.all("invoice"):
        if invoice["status"] == "open" and standing.subscription_of(account, invoice) is subscription:
            invoices.void(account, invoice)


def announce_trial_end(account: Account, subscription: Json) -> None:
    account.told.add((subscription["id"], subscription["trial_end"]))
    account.emit("customer.subscription.trial_will_end", subscription)


def cancel_now(account: Account, subscription: Json, details: dict[str, Any] | None = None) -> Json:
    """Over at once; nothing is paid back."""
    if subscription["status"] in standing.FINAL:
        raise impossible(f"No such subscription: '{subscription['id']}'", "resource_missing", "id")
    _note_reason(subscription, details)
    standing.end(account, subscription, "cancellation_requested")
    return subscription


def cancel_later(account: Account, subscription: Json, *, flag: bool, at: int | None = None) -> None:
    """It will end with its period, or then. `flag` says so by `cancel_at_period_end` too.

    The portal leaves that one false where the billing mode is flexible. The caller makes the event.
    """
    subscription.update(
        cancel_at=at or period_end(subscription), cancel_at_period_end=flag, canceled_at=account.now
    )
    subscription["cancellation_details"]["reason"] = "cancellation_requested"


def keep(subscription: Json) -> None:
    """Take a planned end back. The caller makes the event."""
    subscription.update(
        cancel_at=None,
        cancel_at_period_end=False,
        canceled_at=None,
        cancellation_details=cancellation_details(),
    )


def pause(account: Account, subscription: Json) -> Json:
    """No periods and no invoices until it is resumed."""
    if subscription["status"] not in ("active", "trialing", "past_due"):
        raise impossible(f"A subscription that is {subscription['status']} cannot be paused.")
    _pause(account, subscription, "pause_requested")
    return subscription


def _pause(account: Account, subscription: Json, reason: str) -> None:
    subscription["status"] = "paused"
    subscription["status_details"] = {
        "paused": {
            "subscription": {"reason": reason},
            "transitioned_at": account.now,
            "type": "subscription",
        }
    }
    account.emit("customer.subscription.paused", subscription)


def resume(account: Account, subscription: Json) -> Json:
    """A new period from now, which is asked for; active once it is paid."""
    if subscription["status"] != "paused":
        raise impossible("Only a paused subscription can be resumed.")
    subscription.update(status="past_due", status_details=None, billing_cycle_anchor=account.now)
    for item in _items(subscription):
        item["current_period_end"] = account.now
        item.update(
            zip(("current_period_start", "current_period_end"), _next_period(item, subscription), strict=True)
        )
    lines = [_line(account, item) for item in _items(subscription)]
    invoice = invoices.draft(account, subscription, "subscription_update", _period(subscription), lines)
    if not invoices.collect(account, invoice):
        return subscription
    account.emit("customer.subscription.resumed", subscription)
    return subscription


def pause_collection(account: Account, subscription: Json, behavior: str, resumes_at: int | None) -> None:
    """The status stays; the invoices are not asked for."""
    with account.changing(subscription, _UPDATED):
        subscription["pause_collection"] = {"behavior": behavior, "resumes_at": resumes_at}


def resume_collection(account: Account, subscription: Json) -> None:
    with account.changing(subscription, _UPDATED):
        subscription["pause_collection"] = None


def extend_trial(account: Account, subscription: Json, until: int) -> None:
    """Free until then, when the next period begins. The caller makes the event."""
    if until <= account.now:
        raise impossible("trial_end must be in the future", param="trial_end")
    subscription.update(
        status="trialing",
        trial_start=subscription["trial_start"] or account.now,
        trial_end=until,
        billing_cycle_anchor=until,
    )
    for item in _items(subscription):
        item["current_period_end"] = until


def reprice(account: Account, item: Json, price: Json, quantity: int, proration: str) -> None:
    """Another price from now on; what that changes in this period is on the next invoice, if wanted.

    The caller makes the event.
    """
    if proration != "none":
        lines = _proration(account, item, price, quantity)
        account.pending_lines.setdefault(item["subscription"], []).extend(lines)
    fresh = new_item(
        account,
        {"id": item["subscription"]},
        price,
        quantity,
        (item["current_period_start"], item["current_period_end"]),
    )
    item.update({name: fresh[name] for name in ("price", "plan", "quantity")})


def invoice_changes(account: Account, subscription: Json) -> None:
    """Ask for the prorations now."""
    if account.pending_lines.get(subscription["id"]):
        period = _period(subscription)
        invoices.collect(account, invoices.draft(account, subscription, "subscription_update", period, []))


def period_end(subscription: Json) -> int:
    """The earliest end among its items."""
    return min(int(item["current_period_end"]) for item in _items(subscription))


def trial_end_in(account: Account, days: int | None) -> int | None:
    return in_days(account.now, days) if days else None


def _make(account: Account, order: Order) -> Json:
    subscription = new_subscription(account, order.customer, order.prices[0][0]["currency"])
    subscription["metadata"] = dict(order.metadata)
    subscription["default_payment_method"] = order.card
    subscription["trial_settings"]["end_behavior"]["missing_payment_method"] = order.without_card
    if order.billing_mode == "classic":
        subscription["billing_mode"] = {"flexible": None, "type": "classic"}
    if order.trial_end is not None:
        subscription.update(
            status="trialing",
            trial_start=account.now,
            trial_end=order.trial_end,
            billing_cycle_anchor=order.trial_end,
        )
    items = [
        new_item(account, subscription, price, quantity, _first_period(account, price, order.trial_end))
        for price, quantity in order.prices
    ]
    set_items(subscription, items)
    account.add(subscription)
    discounts.set_coupons(account, subscription, order.coupons)
    return subscription


def _first_period(account: Account, price: Json, trial_end: int | None) -> tuple[int, int]:
    if trial_end is not None:
        return account.now, trial_end
    return account.now, _end_of(price, account.now, account.now)


def _end_of(price: Json, anchor: int, moment: int) -> int:
    return after(anchor, moment, price["recurring"]["interval"], price["recurring"]["interval_count"])


def _next_period(item: Json, subscription: Json) -> tuple[int, int]:
    start = item["current_period_end"]
    return start, _end_of(item["price"], subscription["billing_cycle_anchor"], start)


def _items(subscription: Json) -> list[Json]:
    data: list[Json] = subscription["items"]["data"]
    return data


def _period(subscription: Json) -> tuple[int, int]:
    first = _items(subscription)[0]
    return first["current_period_start"], first["current_period_end"]


def _line(account: Account, item: Json, *, trial: bool = False) -> Json:
    price, quantity = item["price"], item["quantity"]
    name = account.find("product", price["product"])["name"]
    amount = 0 if trial else (price["unit_amount"] or 0) * quantity
    said = f"Trial period for {name}" if trial else f"{quantity} × {name}"
    period = (item["current_period_start"], item["current_period_end"])
    return new_line(account, item, amount, period, description=said)


def _proration(account: Account, item: Json, price: Json, quantity: int) -> list[Json]:
    """A credit for the unused time of the old price, and the same time at the new one."""
    start, end = item["current_period_start"], item["current_period_end"]
    share = max(0, end - account.now) / max(1, end - start)
    unused = round((item["price"]["unit_amount"] or 0) * item["quantity"] * share)
    remaining = round((price["unit_amount"] or 0) * quantity * share)
    period = (account.now, end)
    return [
        new_line(account, item, -unused, period, description="Unused time", proration=True),
        new_line(
            account,
            {**item, "price": price, "quantity": quantity},
            remaining,
            period,
            description="Remaining time",
            proration=True,
        ),
    ]


def _note_reason(subscription: Json, details: dict[str, Any] | None) -> None:
    for name in ("feedback", "comment"):
        if (details or {}).get(name):
            subscription["cancellation_details"][name] = (details or {})[name]
