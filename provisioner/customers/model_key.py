"""A customer's own key for the model: what it may spend, has spent, and whether it is to be taken. Pure.

Money is in cents, and months are the provider's, by UTC: 2026-11.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, Literal

from provisioner.customers.record import Customer

Fields = dict[str, object]
Part = Literal[80, 100]

GROUP: Final = "setup.modelKey"
PARTS: Final[tuple[Part, ...]] = (80, 100)
"""The percentages of a budget at which something is said."""
_KEPT_MONTHS = 24


def month_of(now: datetime) -> str:
    """The month in which something is spent now."""
    return f"{now:%Y-%m}"


def may_have_key(customer: Customer) -> bool:
    """Whether the provider may have a key of theirs, also one whose secret was lost."""
    return customer.setup.model_key.requested_at is not None


def budget_of(customer: Customer, monthly: int) -> int:
    """What they may spend in a month; `monthly` is in dollars, for who has no budget of their own."""
    return 100 * (customer.setup.model_key.budget or monthly)


def spent_in(customer: Customer, month: str) -> int:
    """What they have spent in it, as was last seen."""
    return (customer.setup.model_key.spend or {}).get(month, 0)


def limit_in(customer: Customer, monthly: int, month: str) -> int:
    """What their key of now may spend in it: what earlier keys have spent is a part of the same budget."""
    carried = (customer.setup.model_key.carried or {}).get(month, 0)
    return max(0, budget_of(customer, monthly) - carried)


def is_to_be_refused(customer: Customer) -> bool:
    """Whether the provider shall refuse the key: a person has stopped it, or the assistant stands still."""
    pause, leaving = customer.setup.pause, customer.leaving
    is_paused = pause is not None and pause.paused_at is not None and pause.undo_at is None
    has_left = leaving is not None and leaving.stopped_at is not None and leaving.undo_at is None
    return customer.setup.model_key.stopped or is_paused or has_left


def seen(customer: Customer, spent: Decimal, month: str) -> Fields:
    """The fields that say what the key of now has spent in this month, in dollars."""
    own = customer.setup.model_key
    total = (own.carried or {}).get(month, 0) + _cents(spent, ROUND_FLOOR)
    # While one key takes the place of another, what the old one has spent is not carried on yet.
    total = max(total, spent_in(customer, month))
    return {f"{GROUP}.spend": _with(own.spend, month, total)}


def carried_on(customer: Customer, spent: Decimal | None, month: str) -> Fields:
    """The fields of who gets another key: what the old one has spent counts on.

    `spent` is None where the provider does not know it any more.
    """
    own = customer.setup.model_key
    known = spent_in(customer, month)
    earlier = (own.carried or {}).get(month, 0)
    total = known if spent is None else max(known, earlier + _cents(spent, ROUND_CEILING))
    if not total:
        return {}
    return {
        f"{GROUP}.carried": {month: total},
        f"{GROUP}.spend": _with(own.spend, month, total),
    }


def to_say(customer: Customer, monthly: int, month: str) -> Part | None:
    """The part of the budget that is spent and of which nothing was said this month; the higher one."""
    spent, budget = spent_in(customer, month), budget_of(customer, monthly)
    reached = [part for part in PARTS if spent * 100 >= part * budget]
    return reached[-1] if reached and said(month, reached[-1]) not in _told(customer) else None


def said(month: str, part: Part) -> str:
    """How the record has it that this was said."""
    return f"{month} {part}"


def with_said(customer: Customer, month: str, part: Part) -> Fields:
    """The fields that say so, of the lower parts too."""
    told = [one for one in _told(customer) if one.startswith(month)]
    below = [said(month, one) for one in PARTS if one <= part]
    return {f"{GROUP}.told": list(dict.fromkeys([*told, *below]))}


def highest_said(customer: Customer, month: str) -> Part | None:
    """The highest part of this month's budget that the customer was told of."""
    return next((part for part in reversed(PARTS) if said(month, part) in _told(customer)), None)


def _told(customer: Customer) -> tuple[str, ...]:
    return customer.setup.model_key.told


def _cents(dollars: Decimal, rounding: str) -> int:
    return int((dollars * 100).to_integral_value(rounding))


def _with(months: Mapping[str, int] | None, month: str, cents: int) -> dict[str, int]:
    """The months with this one; the oldest go."""
    merged = {**(months or {}), month: cents}
    return {one: merged[one] for one in sorted(merged)[-_KEPT_MONTHS:]}
