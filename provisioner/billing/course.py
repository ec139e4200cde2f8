"""What each customer has brought from when on: the steps that all figures are made of. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from provisioner.billing.amounts import NOTHING, by_month, counts, monthly, monthly_of
from provisioner.customers.parts.subscription import KnownSubscription, SubscriptionChange
from provisioner.customers.record import Customer
from provisioner.timestamps import moment

ChurnAt = Literal["end", "request"]
"""When a subscription that is to end is counted as lost."""


@dataclass(frozen=True)
class Level:
    """What a customer brings in a month from `at` on; `leaving` is the part of it that is to end."""

    at: datetime
    monthly: Fraction
    leaving: Fraction = NOTHING


@dataclass(frozen=True)
class Trial:
    """A trial that has ended, and whether something is paid since."""

    ended: datetime
    converted: bool


@dataclass(frozen=True)
class Course:
    """One customer's levels in one currency, in their order, and their trials."""

    customer: str
    """The address."""
    currency: str
    levels: tuple[Level, ...]
    trials: tuple[Trial, ...] = ()

    def until(self, now: datetime) -> "Course":
        """Without what is dated later: somebody's clock is wrong."""
        levels = tuple(one for one in self.levels if one.at <= now)
        return replace(self, levels=levels, trials=tuple(one for one in self.trials if one.ended <= now))


@dataclass(frozen=True)
class Uncounted:
    """A customer of whom no figure tells, or not all of their time, and why."""

    customer: str
    why: str


@dataclass(frozen=True)
class _State:
    """One subscription from `at` on."""

    at: datetime
    status: str
    monthly: Fraction
    ends: bool


def courses(customer: Customer, churn_at: ChurnAt = "end") -> tuple[list[Course], list[Uncounted]]:
    """By currency; and what could not be counted. Subscriptions of Stripe's test mode are left out."""
    wanting: list[Uncounted] = []
    by_currency: defaultdict[str, list[list[_State]]] = defaultdict(list)
    for currency, states in _subscriptions(customer, wanting):
        by_currency[currency].append(states)
    found = [
        Course(
            customer.email,
            currency,
            tuple(_levels(subscriptions, churn_at)),
            tuple(trial for states in subscriptions for trial in _trials(states)),
        )
        for currency, subscriptions in sorted(by_currency.items())
    ]
    return found, wanting


def _subscriptions(customer: Customer, wanting: list[Uncounted]) -> Iterator[tuple[str, list[_State]]]:
    """Each of the customer's subscriptions, with its currency and its states in their order."""
    held, known = customer.subscription, {one.id: one for one in customer.subscription.known}
    changes: defaultdict[str, list[SubscriptionChange]] = defaultdict(list)
    for change in held.changes:
        changes[change.subscription].append(change)
    for name, told in changes.items():
        one = known.get(name)
        if one is not None and one.livemode is False:
            continue
        yield from _told(customer.email, name, told, one, wanting)
    if not changes and held.livemode is not False:
        yield from _untold(customer, wanting)


def _told(
    email: str,
    name: str,
    changes: Sequence[SubscriptionChange],
    known: KnownSubscription | None,
    wanting: list[Uncounted],
) -> Iterator[tuple[str, list[_State]]]:
    """A subscription whose changes are written down."""
    currencies = {one.currency for one in changes if one.currency}
    currency = next(iter(currencies), known.currency if known else None)
    states = [*_before(changes[0], known)]
    for change in changes:
        amount, at = monthly(change), moment(change.at)
        if amount is None or at is None:
            wanting.append(Uncounted(email, f"the price of {name} has tiers, or is not known"))
            return
        states.append(_State(at, change.status, amount, change.cancel_at is not None))
    if currency is None or len(currencies) > 1:
        if any(state.monthly for state in states):
            wanting.append(Uncounted(email, f"the currency of {name} is not known"))
        return
    yield currency, states


def _before(first: SubscriptionChange, known: KnownSubscription | None) -> Iterator[_State]:
    """The time before the first change that was told: as that change found it, price changes unknown."""
    began = moment(known.start_date) if known and known.start_date else None
    told = moment(first.at)
    if began is None or told is None or began >= told or first.kind == "created":
        return
    amount = monthly_of(first.items, first.lasting_discount or {})
    if amount is not None:
        yield _State(began, "active", amount, ends=False)


def _untold(customer: Customer, wanting: list[Uncounted]) -> Iterator[tuple[str, list[_State]]]:
    """A subscription of which the record has no more than how it is now."""
    held = customer.subscription
    if not held.stripe_subscription_id and held.amount is None:
        return
    share = by_month(held.interval or "month")
    began = moment(customer.signup_date) if customer.signup_date else None
    ended = moment(held.ended_at) if held.ended_at else None
    missing = {
        "the amount": held.amount is None or share is None,
        "the currency": not held.currency,
        "the day of signing up": began is None,
        "when the subscription ended": ended is None and not counts(held.status or "active"),
    }
    if any(missing.values()):
        unknown = ", ".join(name for name, is_missing in missing.items() if is_missing)
        wanting.append(Uncounted(customer.email, f"not known: {unknown}"))
        return
    assert held.amount is not None, "looked at above"
    assert share is not None, "looked at above"
    assert began is not None, "looked at above"
    states = [_State(began, "active", held.amount * share, held.cancel_at is not None)]
    if ended is not None:
        states.append(_State(ended, "canceled", NOTHING, ends=False))
    yield str(held.currency).lower(), states


def _levels(subscriptions: Sequence[Sequence[_State]], churn_at: ChurnAt) -> Iterator[Level]:
    """The sum of all of them, at each moment at which it changes."""
    times = sorted({state.at for states in subscriptions for state in states})
    now: dict[int, _State] = {}
    coming = [list(states) for states in subscriptions]
    last: tuple[Fraction, Fraction] = (NOTHING, NOTHING)
    for at in times:
        for number, states in enumerate(coming):
            while states and states[0].at <= at:
                now[number] = states.pop(0)
        whole = sum((state.monthly for state in now.values()), NOTHING)
        leaving = sum((state.monthly for state in now.values() if state.ends), NOTHING)
        if churn_at == "request":
            whole, leaving = whole - leaving, NOTHING
        if (whole, leaving) != last:
            yield Level(at, whole, leaving)
        last = (whole, leaving)


def _trials(states: Sequence[_State]) -> Iterator[Trial]:
    for before, after in pairwise(states):
        if before.status == "trialing" and after.status != "trialing":
            yield Trial(after.at, after.monthly > 0)


def by_currency(found: Sequence[Course]) -> Mapping[str, list[Course]]:
    """Never two currencies in one figure."""
    grouped: defaultdict[str, list[Course]] = defaultdict(list)
    for course in found:
        grouped[course.currency].append(course)
    return dict(sorted(grouped.items()))
