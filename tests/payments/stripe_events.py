"""Events as Stripe sends them: one customer's life after another, in the shapes of 2026-10-28.endive.

Only the fields that anybody reads are there. `older` gives the same event as before 2025-03-31.
"""

import copy
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

START = 1_767_225_600
"""2026-01-01T00:00:00Z."""
MONTH = 30 * 86_400
Document = dict[str, Any]
_numbers = itertools.count(1)


def event(kind: str, about: Document, created: int, previous: Document | None = None) -> Document:
    data: Document = {"object": copy.deepcopy(about)}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": f"evt_{next(_numbers):06d}",
        "object": "event",
        "type": kind,
        "api_version": "2026-10-28.endive",
        "created": created,
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "data": data,
    }


def older(document: Document) -> Document:
    """The same event as an endpoint of a version before 2025-03-31 gets it."""
    old = copy.deepcopy(document)
    old["api_version"] = "2024-06-20"
    about = old["data"]["object"]
    if about["object"] == "subscription":
        for item in about["items"]["data"]:
            about["current_period_end"] = item.pop("current_period_end")
            item.pop("current_period_start")
    if about["object"] == "invoice":
        about["subscription"] = about.pop("parent")["subscription_details"]["subscription"]
    return old


@dataclass
class Person:
    """A customer at Stripe, whose events come one after the other."""

    name: str
    email: str
    now: int = START
    telegram: str | None = None
    subscription: Document = field(default_factory=dict)
    number: int = 0
    charged: int = 0

    @property
    def id(self) -> str:
        return f"cus_{self.name}"

    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    def subscribe(self, unit_amount: int = 8999, interval: str = "month") -> Iterator[Document]:
        """The events of a first payment at the checkout, in the order in which they happen."""
        self.number += 1
        self.subscription = self._new_subscription(unit_amount, interval)
        yield self._subscription("created")
        yield self._invoice("paid", "subscription_create")
        yield self._change(status="active")
        yield event("checkout.session.completed", self._session(), self.now)

    def renew(self) -> Iterator[Document]:
        item = self.subscription["items"]["data"][0]
        before = copy.deepcopy(self.subscription["items"])
        item["current_period_start"] = item["current_period_end"]
        item["current_period_end"] += MONTH
        yield event(
            "customer.subscription.updated",
            self.subscription,
            self.now,
            {"items": before, "latest_invoice": "in_0"},
        )
        yield self._invoice("paid", "subscription_cycle")

    def fail(self) -> Iterator[Document]:
        yield self._invoice("payment_failed", "subscription_cycle")
        yield self._change(status="past_due")

    def recover(self) -> Iterator[Document]:
        yield self._invoice("paid", "subscription_cycle")
        yield self._change(status="active")

    def cancel_at_period_end(self, *, flexible: bool = True) -> Iterator[Document]:
        end = self.subscription["items"]["data"][0]["current_period_end"]
        yield self._change(**({"cancel_at": end} if flexible else {"cancel_at_period_end": True}))

    def undo_cancel(self) -> Iterator[Document]:
        yield self._change(cancel_at=None, cancel_at_period_end=False)

    def end(self, reason: str = "cancellation_requested") -> Iterator[Document]:
        self.subscription |= {
            "status": "canceled",
            "ended_at": self.now,
            "canceled_at": self.now,
            "cancellation_details": {"reason": reason, "feedback": None, "comment": None},
        }
        yield self._subscription("deleted")

    def double(self) -> Iterator[Document]:
        """Two of what they have."""
        before = copy.deepcopy(self.subscription["items"])
        self.subscription["items"]["data"][0]["quantity"] = 2
        yield event("customer.subscription.updated", self.subscription, self.now, {"items": before})

    def refund(self, amount: int = 2000) -> Iterator[Document]:
        charge = {
            "id": f"ch_{self.name}_{self.number}",
            "object": "charge",
            "amount": 8999,
            "amount_refunded": amount,
            "refunded": amount == 8999,
            "currency": "usd",
            "customer": self.id,
        }
        yield event("charge.refunded", charge, self.now, {"amount_refunded": 0})

    def call_themselves(self, name: str) -> Iterator[Document]:
        person = {"id": self.id, "object": "customer", "name": name, "email": self.email}
        yield event("customer.updated", person, self.now, {"name": "another"})

    def move(self, email: str) -> Iterator[Document]:
        before, self.email = self.email, email
        person = {"id": self.id, "object": "customer", "name": "Ada", "email": email}
        yield event("customer.updated", person, self.now, {"email": before})

    def _change(self, **changes: Any) -> Document:
        before = {name: self.subscription[name] for name in changes}
        self.subscription |= changes
        return event("customer.subscription.updated", self.subscription, self.now, before)

    def _subscription(self, what: str) -> Document:
        return event(f"customer.subscription.{what}", self.subscription, self.now)

    def _new_subscription(self, unit_amount: int, interval: str) -> Document:
        price = {
            "id": f"price_{interval}_{unit_amount}",
            "object": "price",
            "currency": "usd",
            "unit_amount": unit_amount,
            "unit_amount_decimal": str(unit_amount),
            "lookup_key": None,
            "nickname": f"stuffpress-{interval}ly",
            "recurring": {"interval": interval, "interval_count": 1, "usage_type": "licensed"},
        }
        item = {
            "id": f"si_{self.name}",
            "object": "subscription_item",
            "current_period_start": self.now,
            "current_period_end": self.now + (MONTH if interval == "month" else 365 * 86_400),
            "price": price,
            "quantity": 1,
            "discounts": [],
        }
        return {
            "id": f"sub_{self.name}_{self.number}",
            "object": "subscription",
            "customer": self.id,
            "status": "incomplete",
            "currency": "usd",
            "items": {"object": "list", "data": [item], "has_more": False},
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": None,
            "cancellation_details": {"reason": None, "feedback": None, "comment": None},
            "start_date": self.now,
            "ended_at": None,
            "trial_end": None,
            "discounts": [],
            "pause_collection": None,
            "metadata": {},
            "livemode": True,
        }

    def _session(self) -> Document:
        text = {"value": self.telegram}
        return {
            "id": f"cs_{self.name}_{self.number}",
            "object": "checkout.session",
            "mode": "subscription",
            "status": "complete",
            "payment_status": "paid",
            "customer": self.id,
            "subscription": self.subscription["id"],
            "customer_details": {"email": self.email, "name": f"Person {self.name}"},
            "customer_email": None,
            "amount_total": 8999,
            "currency": "usd",
            "metadata": {"referrer": "a-friend"},
            "custom_fields": [
                {
                    "key": "telegram",
                    "label": {"type": "custom", "custom": "Telegram"},
                    "type": "text",
                    "text": text,
                }
            ],
        }

    def _invoice(self, what: str, reason: str) -> Document:
        self.charged += 1
        return event(
            f"invoice.{what}",
            {
                "id": f"in_{self.name}_{self.charged}",
                "object": "invoice",
                "customer": self.id,
                "parent": {"subscription_details": {"subscription": self.subscription["id"], "metadata": {}}},
                "billing_reason": reason,
                "amount_due": 8999,
                "amount_paid": 8999 if what == "paid" else 0,
                "currency": "usd",
                "attempt_count": 1,
                "next_payment_attempt": self.now + 86_400 if what != "paid" else None,
            },
            self.now,
        )


def life_of(number: int, chance: random.Random) -> list[Document]:
    """About ten events of one customer, in the order in which they happen; some in the same second."""
    person = Person(f"p{number:03d}", f"p{number:03d}@example.com", telegram=f"@person_{number}")
    person.pass_time(chance.randrange(MONTH))
    events = list(person.subscribe())
    while len(events) < 10:
        person.pass_time(chance.choice([0, 1, 86_400, MONTH]))
        events += chance.choice(_CHAPTERS)(person, chance)
    return events


def _ended_and_back(person: Person, chance: random.Random) -> list[Document]:
    if person.subscription["status"] == "canceled":
        person.pass_time(86_400)
        return list(person.subscribe(9999))
    person.pass_time(2)
    return list(person.end())


def _while_it_lives(person: Person, chance: random.Random) -> list[Document]:
    if person.subscription["status"] == "canceled":
        return []
    # Not in the second of another change: Stripe's times do not tell these apart.
    person.pass_time(5)
    if person.subscription["status"] == "past_due":
        return list(person.recover())
    part = chance.choice(
        [person.renew, person.fail, person.cancel_at_period_end, person.undo_cancel, person.double]
    )
    return list(part())


def _anything(person: Person, chance: random.Random) -> list[Document]:
    return list(chance.choice([person.refund, lambda: person.call_themselves(f"Name {chance.random()}")])())


_CHAPTERS = (_while_it_lives, _while_it_lives, _while_it_lives, _anything, _ended_and_back)
