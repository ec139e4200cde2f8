"""What a subscription brings in a month, exactly. Pure.

Amounts are in the smallest unit of their currency. The rules are those of docs/billing.md.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

from provisioner.customers.parts.subscription import PaidItem, SubscriptionChange

_COUNTED: Final = frozenset({"active", "past_due"})
"""The statuses at Stripe in which a subscription brings something."""
_NEVER_PAID: Final = frozenset({"void", "mark_uncollectible"})
"""What becomes of invoices while collection is paused, where nobody pays them later."""
_A_YEAR: Final[Mapping[str, int]] = {"day": 365, "week": 52, "month": 12, "year": 1}

NOTHING: Final = Fraction(0)


def monthly(change: SubscriptionChange) -> Fraction | None:
    """What it brings in a month from this change on; None where its price has tiers, or is not known."""
    if not counts(change.status, change.paused):
        return NOTHING
    return monthly_of(change.items, change.lasting_discount or {})


def counts(status: str | None, paused: str | None = None) -> bool:
    """Whether a subscription in this status brings something, paid or not paid yet."""
    return status in _COUNTED and paused not in _NEVER_PAID


def monthly_of(items: Iterable[PaidItem], discount: Mapping[str, Any]) -> Fraction | None:
    """The sum of what is paid for each period, less the lasting discount, by the month.

    Each period's sum is rounded half up to a whole unit, once; a fixed discount is per period, and taken
    off the first where the items have several.
    """
    periods: defaultdict[tuple[str, int], Fraction] = defaultdict(Fraction)
    for item in items:
        amount = _amount(item)
        if amount is None:
            return None
        periods[item.interval or "month", item.interval_count] += amount
    off = _fraction(discount.get("amountOff") or 0)
    percent = _fraction(discount.get("percentOff") or 0)
    if off is None or percent is None:
        return None
    whole = NOTHING
    for (interval, count), amount in periods.items():
        share = by_month(interval, count)
        if share is None:
            return None
        left = max(NOTHING, amount * (100 - percent) / 100 - off)
        whole += _half_up(left) * share
        off = NOTHING
    return whole


def by_month(interval: str, count: int = 1) -> Fraction | None:
    """Which part of a period's amount is a month's; None for a period that there is not."""
    a_year = _A_YEAR.get(interval)
    return None if a_year is None or count < 1 else Fraction(a_year, 12 * count)


def _amount(item: PaidItem) -> Fraction | None:
    if item.metered:
        return NOTHING
    price = item.unit_amount if item.unit_amount is not None else item.unit_amount_decimal
    each = None if price is None else _fraction(price)
    return None if each is None else each * item.quantity


def _fraction(number: object) -> Fraction | None:
    """Exactly what is written; None for what is no number."""
    try:
        return Fraction(Decimal(str(number)))
    except (InvalidOperation, ValueError, OverflowError):
        return None


def _half_up(amount: Fraction) -> Fraction:
    return Fraction((amount + Fraction(1, 2)).__floor__())
