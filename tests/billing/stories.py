"""Customers as Stripe's events have told of them, written short."""

from collections.abc import Iterable
from typing import Any

from provisioner.customers.record import Customer
from tests.steps.support import new_record

MONTHLY = (8999, "month", 1)

Told = dict[str, Any]


def told(day: str, status: str = "active", price: int | None = 8999, **more: Any) -> Told:
    """A change on this day, at noon unless it says when; `more` are fields of the entry or of its item."""
    names = ("quantity", "interval", "intervalCount", "metered", "unitAmountDecimal")
    item = {"unitAmount": price, "interval": "month", **{key: more.pop(key) for key in names if key in more}}
    at = day if "T" in day else f"{day}T12:00:00Z"
    return {
        "at": at,
        "kind": "updated",
        "subscription": "sub_1",
        "status": status,
        "currency": "usd",
        "items": [item],
        **more,
    }


def ended(day: str, **more: Any) -> Told:
    return told(day, "canceled", kind="deleted", **more)


def customer(name: str, changes: Iterable[Told] = (), **subscription: Any) -> Customer:
    """Whose record has these changes; `subscription` are further fields of it."""
    record = new_record(
        id=f"cust_{name}",
        email=f"{name}@example.com",
        signupDate="2026-06-01T00:00:00Z",
        subscription={"changes": list(changes), **subscription},
    )
    return record.customer


TEN_FOREVER = {"percentOff": 10}
TWENTY_FOREVER = {"percentOff": 20}

EXAMPLE = (
    customer("a", [told("2026-06-03"), told("2026-09-10", lastingDiscount=TEN_FOREVER)]),
    customer(
        "b",
        [told("2026-06-10"), told("2026-07-20", cancelAt="2026-08-10T12:00:00Z"), ended("2026-08-10")],
    ),
    customer("c", [told("2026-06-15", price=89990, interval="year")]),
    customer("d", [told("2026-06-20", "trialing"), told("2026-07-04")]),
    customer("e", [told("2026-07-01", "trialing"), ended("2026-07-15")]),
    customer(
        "f",
        [
            told("2026-07-05", lastingDiscount=TWENTY_FOREVER),
            told("2026-08-12", quantity=2, lastingDiscount=TWENTY_FOREVER),
        ],
    ),
    customer(
        "g",
        [
            told("2026-07-08"),
            told("2026-08-08", "past_due"),
            ended("2026-08-29"),
            told("2026-09-12", subscription="sub_2"),
        ],
    ),
    customer("h", [told("2026-08-02"), ended("2026-09-20")]),
    customer("j", [told("2026-09-03"), ended("2026-09-18")]),
    customer("x", [told("2026-08-05", "incomplete"), told("2026-08-06", "incomplete_expired")]),
)
"""Nine customers and one who never paid, from June to September."""
