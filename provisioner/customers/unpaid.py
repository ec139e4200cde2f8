"""Customers whose subscription goes on and is not paid: since when, and when they are reminded. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from provisioner.timestamps import moment

if TYPE_CHECKING:
    from provisioner.customers.record import Customer
    from provisioner.customers.view import AnyCustomer

UNPAID = frozenset({"past_due", "unpaid"})
"""Stripe's words for a subscription that goes on although a payment has failed."""


def is_unpaid(customer: "AnyCustomer") -> bool:
    """Whether Stripe has asked for a payment in vain."""
    return customer.subscription.status in UNPAID


def unpaid_since(customer: "Customer") -> str | None:
    """Since when nothing was paid for the current subscription although it goes on; None if all is paid."""
    held = customer.subscription
    if held.status not in UNPAID:
        return None
    since = None
    for change in held.changes:
        if change.subscription == held.stripe_subscription_id:
            since = (since or change.at) if change.status in UNPAID else None
    return since


def due_reminder(customer: "Customer", days: Sequence[float], now: datetime) -> str | None:
    """The reason of the e-mail that reminds them now: the latest of these days that has come; None before.

    One that was missed is not made up for by two at once.
    """
    since = unpaid_since(customer)
    began = moment(since) if since else None
    come = [day for day in days if began is not None and now - began >= timedelta(days=day)]
    return f"payment since {since} after {max(come):g} d" if come else None
