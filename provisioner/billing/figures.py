"""All that the records tell of the business, currency by currency. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from provisioner.billing.amounts import counts
from provisioner.billing.cohorts import Cohort, cohorts
from provisioner.billing.course import ChurnAt, Course, Uncounted, by_currency, courses
from provisioner.billing.months import Month, months
from provisioner.billing.movements import Movement, movements
from provisioner.customers.record import Customer
from provisioner.customers.unpaid import is_unpaid, unpaid_since
from provisioner.timestamps import moment

AHEAD_DAYS: Final = 30
"""How far renewals are looked at ahead."""


@dataclass(frozen=True)
class Currency:
    """Everything in one currency."""

    code: str
    months: tuple[Month, ...]
    movements: tuple[Movement, ...]
    cohorts: tuple[Cohort, ...]


@dataclass(frozen=True)
class Renewal:
    """The next payment of a customer: `amount` in the smallest unit of `currency`, for one period."""

    customer: str
    at: datetime
    amount: int | None
    currency: str | None


@dataclass(frozen=True)
class Unpaid:
    """A customer who owes; `since` is None where the record does not tell."""

    customer: str
    since: str | None
    amount: int | None
    currency: str | None


@dataclass(frozen=True)
class Figures:
    """Of all customers, the archived too."""

    now: datetime
    currencies: tuple[Currency, ...]
    uncounted: tuple[Uncounted, ...]
    renewals: tuple[Renewal, ...]
    unpaid: tuple[Unpaid, ...]


def figures(customers: Iterable[Customer], now: datetime, churn_at: ChurnAt = "end") -> Figures:
    """What they say at this moment."""
    found: list[Course] = []
    uncounted: list[Uncounted] = []
    renewals: list[Renewal] = []
    unpaid: list[Unpaid] = []
    for one in customers:
        theirs, wanting = courses(one, churn_at)
        found += theirs
        uncounted += wanting
        renewals += _renewal(one, now)
        unpaid += _unpaid(one)
    return Figures(
        now,
        tuple(_currency(code, theirs, now) for code, theirs in by_currency(found).items()),
        tuple(uncounted),
        tuple(sorted(renewals, key=lambda one: (one.at, one.customer))),
        tuple(sorted(unpaid, key=lambda one: (one.since or "", one.customer))),
    )


def _currency(code: str, theirs: Sequence[Course], now: datetime) -> Currency:
    moved = tuple(movements([one.until(now) for one in theirs]))
    return Currency(code, tuple(months(theirs, now)), moved, tuple(cohorts(theirs, now)))


def _renewal(customer: Customer, now: datetime) -> list[Renewal]:
    held = customer.subscription
    at = moment(held.current_period_end) if held.current_period_end else None
    if at is None or held.livemode is False or held.cancel_at is not None or not counts(held.status):
        return []
    if not now < at <= now + timedelta(days=AHEAD_DAYS):
        return []
    return [Renewal(customer.email, at, held.amount, held.currency)]


def _unpaid(customer: Customer) -> list[Unpaid]:
    held = customer.subscription
    if not is_unpaid(customer) or held.livemode is False:
        return []
    return [Unpaid(customer.email, unpaid_since(customer), held.amount, held.currency)]
