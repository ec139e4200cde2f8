"""Ten thousand random histories: every figure against one that is reckoned in another way.

Here nothing is carried from month to month: each amount is asked of the changes themselves, in decimals.
"""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from provisioner.billing.cohorts import cohorts
from provisioner.billing.course import courses
from provisioner.billing.months import end_of, months
from tests.billing.stories import customer, told

SEED = 20260930
CUSTOMERS = 10_000
NOW = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
_COUNTED = ("active", "past_due")
_STATUSES = (*_COUNTED, "active", "active", "trialing", "unpaid", "paused", "canceled")
_PARTS = {"month": Decimal(12), "year": Decimal(1)}
_DISCOUNTS: tuple[dict[str, Any] | None, ...] = (None, None, {"percentOff": 12.5}, {"amountOff": 1500})

History = list[dict[str, Any]]


def histories() -> list[History]:
    chance = random.Random(SEED)
    return [_history(chance) for _ in range(CUSTOMERS)]


def _history(chance: random.Random) -> History:
    """Some subscriptions, each with some changes in 2026, in their order."""
    found: History = []
    for number in range(chance.choice((1, 1, 1, 2))):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(300 * 86_400))
        for _ in range(chance.randrange(1, 7)):
            found.append(
                told(
                    f"{at:%Y-%m-%dT%H:%M:%SZ}",
                    chance.choice(_STATUSES),
                    price=chance.choice((8999, 2000, 89990)),
                    quantity=chance.choice((1, 1, 2)),
                    interval=chance.choice(("month", "month", "year")),
                    lastingDiscount=chance.choice(_DISCOUNTS),
                    subscription=f"sub_{number}",
                    cancelAt=chance.choice((None, None, None, "2027-02-01T00:00:00Z")),
                )
            )
            # Months' ends and two changes in one second are met, too.
            at += timedelta(seconds=chance.choice((0, 1, chance.randrange(60 * 86_400))))
    return sorted(found, key=lambda change: str(change["at"]))


def yearly(change: dict[str, Any]) -> Decimal:
    """What it brings in a year, a whole number of twelfths of the smallest unit."""
    if change["status"] not in _COUNTED:
        return Decimal(0)
    [item] = change["items"]
    discount = change["lastingDiscount"] or {}
    whole = Decimal(item["unitAmount"] * item.get("quantity", 1))
    percent, off = (Decimal(str(discount.get(name, 0))) for name in ("percentOff", "amountOff"))
    left = whole - whole * percent / 100 - off
    return max(Decimal(0), left).quantize(Decimal(1), ROUND_HALF_UP) * _PARTS[item["interval"]]


def at_moment(history: History, moment: str, *, committed: bool = False) -> Decimal:
    """What a customer brings in a year, up to and with this moment."""
    last = {change["subscription"]: change for change in history if change["at"] <= moment}
    return sum(
        (yearly(one) for one in last.values() if not (committed and one["cancelAt"])), start=Decimal(0)
    )


def by_month(people: list[History]) -> dict[tuple[str, str], Decimal]:
    """Each figure of each month, summed up over what each customer's own moments say."""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    ends = {f"2026-{number:02}": _last_second(f"2026-{number:02}") for number in range(1, 13)}
    for history in people:
        for month, end in ends.items():
            there = at_moment(history, end)
            sums[month, "end"] += there
            sums[month, "customers"] += there > 0
            sums[month, "committed"] += at_moment(history, end, committed=True)
        for moment in sorted({change["at"] for change in history}):
            before = at_moment(history, _a_second_before(moment))
            after, month = at_moment(history, moment), moment[:7]
            has_paid = any(at_moment(history, one["at"]) for one in history if one["at"] < moment)
            kind = _kind(before, after, has_paid=has_paid)
            sums[month, kind] += abs(after - before)
            sums[month, f"{kind} customers"] += 1
    return sums


def _kind(before: Decimal, after: Decimal, *, has_paid: bool) -> str:
    match (before > 0, after > 0):
        case (False, True):
            return "reactivation" if has_paid else "new"
        case (True, False):
            return "churn"
    return "expansion" if after > before else "contraction" if after < before else "nothing"


def _last_second(month: str) -> str:
    return f"{end_of(month) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"


def _a_second_before(moment: str) -> str:
    return f"{datetime.fromisoformat(moment) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"


def test_ten_thousand_histories_come_to_the_same_in_another_way() -> None:
    people = histories()
    found = [course for number, one in enumerate(people) for course in courses(customer(str(number), one))[0]]
    expected = by_month(people)

    for month in months(found, NOW):
        assert month.end * 12 == _exact(expected[month.month, "end"])
        assert month.committed * 12 == _exact(expected[month.month, "committed"])
        assert month.customers_end == expected[month.month, "customers"]
        for kind in ("new", "reactivation", "expansion", "contraction", "churn"):
            assert month.amount(kind) * 12 == _exact(expected[month.month, kind]), (month.month, kind)
            assert month.count(kind) == expected[month.month, f"{kind} customers"], (month.month, kind)
        moved = month.amount("new") + month.amount("reactivation") + month.amount("expansion")
        assert month.end == month.start + moved - month.amount("contraction") - month.amount("churn")
    kept: defaultdict[str, Fraction] = defaultdict(Fraction)
    for cohort in cohorts(found, NOW):
        for one in cohort.kept:
            kept[one.month] += one.monthly
    assert {month: amount * 12 for month, amount in kept.items()} == {
        month: _exact(amount) for (month, what), amount in expected.items() if what == "end"
    }


def _exact(amount: Decimal) -> Fraction:
    return Fraction(amount)
