"""The figures of months: nine customers reckoned by hand, single cases, and the edges."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from provisioner.billing.course import ChurnAt, Course, courses
from provisioner.billing.months import Month, months
from provisioner.billing.movements import KINDS
from provisioner.customers.record import Customer
from tests.billing.stories import EXAMPLE, customer, ended, told

NOW = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
SIXTH = Fraction(1, 6)
"""What a yearly price of 89990 leaves: 7499 and this."""


def courses_of(*people: Customer, churn_at: ChurnAt = "end") -> list[Course]:
    found = []
    for one in people:
        theirs, wanting = courses(one, churn_at)
        assert wanting == []
        found += theirs
    return found


def figures(*people: Customer, churn_at: ChurnAt = "end") -> dict[str, Month]:
    return {one.month: one for one in months(courses_of(*people, churn_at=churn_at), NOW)}


def cents(value: Fraction | None, places: int = 2) -> float | None:
    return None if value is None else round(float(value), places)


@pytest.mark.parametrize(
    ("month", "start", "new", "back", "more", "less", "churn", "end", "committed"),
    [
        ("2026-06", 0, 25497 + SIXTH, 0, 0, 0, 0, 25497 + SIXTH, 25497 + SIXTH),
        ("2026-07", 25497 + SIXTH, 25197, 0, 0, 0, 0, 50694 + SIXTH, 41695 + SIXTH),
        ("2026-08", 50694 + SIXTH, 8999, 0, 7199, 0, 17998, 48894 + SIXTH, 48894 + SIXTH),
        ("2026-09", 48894 + SIXTH, 8999, 8999, 0, 900, 17998, 47994 + SIXTH, 47994 + SIXTH),
    ],
)
def test_the_revenue_of_nine_customers(
    month: str,
    start: Fraction,
    new: Fraction,
    back: int,
    more: int,
    less: int,
    churn: int,
    end: Fraction,
    committed: Fraction,
) -> None:
    found = figures(*EXAMPLE)[month]

    assert (found.start, found.end, found.committed) == (start, end, committed)
    assert [found.amount(kind) for kind in KINDS] == [new, back, more, less, churn]


@pytest.mark.parametrize(
    ("month", "counts", "churn", "plain", "gross", "net", "arpu", "lifetime", "quick", "yearly"),
    [
        ("2026-06", (0, 3, 0, 0, 3), 0, None, None, None, 8499.06, None, None, 305966),
        ("2026-07", (3, 3, 0, 0, 6), 0, 0, 0, 0, 8449.03, None, None, 608330),
        ("2026-08", (6, 1, 0, 2, 5), 0.2857, 0.3333, 0.3550, 0.2130, 9778.83, 34225.92, 0.900, 586730),
        ("2026-09", (5, 1, 1, 2, 5), 0.3333, 0.4, 0.3865, 0.2025, 9598.83, 28796.50, 0.952, 575930),
    ],
)
def test_the_rates_of_nine_customers(
    month: str,
    counts: tuple[int, ...],
    churn: float,
    plain: float | None,
    gross: float | None,
    net: float | None,
    arpu: float,
    lifetime: float | None,
    quick: float | None,
    yearly: int,
) -> None:
    found = figures(*EXAMPLE)[month]

    moved = (found.count("new"), found.count("reactivation"), found.count("churn"))
    assert (found.customers_start, *moved, found.customers_end) == counts
    rates = (found.customer_churn, found.plain_churn, found.gross_churn, found.net_churn)
    assert [cents(one, 4) for one in rates] == [churn, plain, gross, net]
    assert (cents(found.arpu), cents(found.lifetime_value)) == (arpu, lifetime)
    assert (cents(found.quick_ratio, 3), cents(found.yearly)) == (quick, yearly)


def test_a_trial_counts_when_it_has_ended() -> None:
    found = figures(*EXAMPLE)

    assert [(one.trials_ended, one.trials_converted) for one in found.values()] == [
        (0, 0),
        (2, 1),
        (0, 0),
        (0, 0),
    ]
    assert found["2026-07"].trial_conversion == Fraction(1, 2)
    assert found["2026-08"].trial_conversion is None


def test_who_has_asked_to_leave_may_count_as_lost_at_once() -> None:
    found = figures(*EXAMPLE, churn_at="request")

    july, august, september = (found[f"2026-{number:02}"] for number in (7, 8, 9))
    assert (july.end, july.customer_churn) == (41695 + SIXTH, Fraction(1, 6))
    assert july.customers_end == 5
    assert july.plain_churn == Fraction(1, 3)
    assert (august.start, august.end) == (41695 + SIXTH, 48894 + SIXTH)
    assert august.amount("churn") == 8999
    assert (august.customer_churn, august.plain_churn) == (Fraction(1, 6), Fraction(1, 5))
    assert september == figures(*EXAMPLE)["2026-09"]


def test_a_month_begins_at_midnight_utc() -> None:
    found = figures(
        customer("last", [told("2026-08-31T23:59:59Z")]), customer("first", [told("2026-09-01T00:00:00Z")])
    )

    assert [found[month].count("new") for month in ("2026-08", "2026-09")] == [1, 1]


def test_in_and_out_within_a_month_are_two_movements() -> None:
    [september] = figures(customer("j", [told("2026-09-03"), ended("2026-09-18")])).values()

    assert (september.count("new"), september.count("churn")) == (1, 1)
    assert september.end == 0


def test_the_end_of_a_second_subscription_is_a_contraction() -> None:
    second = told("2026-07-04", subscription="sub_2", price=2000)
    gone = ended("2026-08-05", subscription="sub_2", price=2000)
    found = figures(customer("a", [told("2026-07-03"), second, gone]))

    july, august = found["2026-07"], found["2026-08"]
    assert [july.amount("expansion"), july.end] == [2000, 10999]
    assert [august.amount("contraction"), august.end] == [2000, 8999]
    assert august.count("churn") == 0


def test_what_is_not_paid_any_more_is_lost_and_comes_back() -> None:
    found = figures(
        customer("a", [told("2026-07-03"), told("2026-08-05", "unpaid"), told("2026-09-07", "active")])
    )

    assert [found[f"2026-{month:02}"].end for month in (7, 8, 9)] == [8999, 0, 8999]
    assert (found["2026-08"].count("churn"), found["2026-09"].count("reactivation")) == (1, 1)


def test_months_in_which_nothing_happened_are_there() -> None:
    found = figures(customer("a", [told("2026-03-05")]))

    assert list(found) == [f"2026-{month:02}" for month in range(3, 10)]
    assert found["2026-08"].start == 8999
    assert found["2026-08"].customers_end == 1
    assert found["2026-08"].quick_ratio is None


def test_without_customers_there_is_nothing() -> None:
    assert months([], NOW) == []


def test_what_is_dated_later_does_not_count_yet() -> None:
    found = figures(customer("a", [told("2026-08-05"), ended("2026-11-05")]))

    assert list(found) == ["2026-08", "2026-09"]
    assert found["2026-09"].end == 8999
