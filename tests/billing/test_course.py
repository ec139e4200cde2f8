"""What each customer has brought from when on: prices, currencies, and what a record does not tell."""

from fractions import Fraction
from typing import Any

import pytest

from provisioner.billing.course import courses
from provisioner.customers.record import Customer
from tests.billing.stories import customer, ended, told


def brought(one: Customer) -> list[tuple[str, Fraction]]:
    """Day and monthly amount of each level, in the one currency."""
    [course], wanting = courses(one)
    assert wanting == []
    return [(f"{level.at:%m-%d}", level.monthly) for level in course.levels]


@pytest.mark.parametrize(
    ("paid", "monthly"),
    [
        ({"price": 2000, "interval": "week"}, Fraction(26000, 3)),
        ({"price": 3000, "interval": "day", "intervalCount": 14}, 6517 + Fraction(6, 7)),
        ({"price": 3000, "interval": "week", "intervalCount": 2}, Fraction(6500)),
        ({"price": 24000, "intervalCount": 3}, Fraction(8000)),
        ({"price": 12000, "currency": "jpy"}, Fraction(12000)),
        ({"price": 89990, "interval": "year", "lastingDiscount": {"amountOff": 1000}}, Fraction(88990, 12)),
        ({"price": 8999, "lastingDiscount": {"percentOff": 12.5}}, Fraction(7874)),
        ({"price": 8999, "lastingDiscount": {"amountOff": 20000}}, Fraction(0)),
        ({"price": 8999, "quantity": 3}, Fraction(26997)),
        ({"price": 8999, "metered": True}, Fraction(0)),
        ({"price": None, "unitAmountDecimal": "0.5", "quantity": 3}, Fraction(2)),
    ],
)
def test_a_price_by_the_month(paid: dict[str, Any], monthly: Fraction) -> None:
    [course], _ = courses(customer("a", [told("2026-07-03", **paid)]))

    assert [level.monthly for level in course.levels] == ([monthly] if monthly else [])


@pytest.mark.parametrize(
    "status", ["trialing", "paused", "unpaid", "incomplete", "incomplete_expired", "canceled"]
)
def test_what_brings_nothing(status: str) -> None:
    assert brought(customer("a", [told("2026-07-03", status)])) == []


@pytest.mark.parametrize(
    ("behavior", "monthly"), [("void", 0), ("mark_uncollectible", 0), ("keep_as_draft", 8999)]
)
def test_collection_that_is_paused(behavior: str, monthly: int) -> None:
    levels = brought(customer("a", [told("2026-07-03"), told("2026-08-03", paused=behavior)]))

    assert levels[-1][1] == monthly


def test_two_currencies_are_apart() -> None:
    euros = told("2026-07-04", currency="eur", price=7900, subscription="sub_2")
    found, wanting = courses(customer("a", [told("2026-07-03"), euros]))

    assert [(one.currency, [int(level.monthly) for level in one.levels]) for one in found] == [
        ("eur", [7900]),
        ("usd", [8999]),
    ]
    assert wanting == []


def test_stripes_test_mode_is_left_out() -> None:
    known = [{"id": "sub_1", "livemode": False}]

    assert courses(customer("a", [told("2026-07-03")], known=known)) == ([], [])
    assert courses(
        customer("a", stripeSubscriptionId="sub_1", amount=8999, currency="usd", livemode=False)
    ) == ([], [])


def test_a_price_in_tiers_is_told_of_and_not_guessed() -> None:
    found, [uncounted] = courses(customer("a", [told("2026-07-03", price=None)]))

    assert found == []
    assert "tiers" in uncounted.why


def test_the_time_before_the_first_event_is_counted_as_that_event_found_it() -> None:
    known = [{"id": "sub_1", "startDate": "2026-02-03T00:00:00Z"}]
    levels = brought(customer("a", [told("2026-07-03", kind="synced")], known=known))

    assert levels == [("02-03", Fraction(8999))]


def test_who_was_added_by_hand_is_as_the_record_says_now() -> None:
    one = customer("a", stripeSubscriptionId="sub_1", amount=8999, currency="USD", status="active")

    [course], wanting = courses(one)

    assert (course.currency, wanting) == ("usd", [])
    assert brought(one) == [("06-01", Fraction(8999))]


def test_who_has_left_has_brought_something_until_then() -> None:
    one = customer(
        "a", amount=89990, interval="year", currency="usd", status="canceled", endedAt="2026-08-05T00:00:00Z"
    )

    assert brought(one) == [("06-01", Fraction(89990, 12)), ("08-05", 0)]


def test_what_a_record_does_not_tell_is_said() -> None:
    _, [nothing] = courses(customer("a", stripeSubscriptionId="sub_1"))
    _, [no_end] = courses(
        customer("b", stripeSubscriptionId="sub_1", amount=8999, currency="usd", status="canceled")
    )

    assert nothing.why == "not known: the amount, the currency"
    assert no_end.why == "not known: when the subscription ended"


def test_who_leaves_is_known_from_the_moment_that_they_asked() -> None:
    cancelled = told("2026-07-20", cancelAt="2026-08-10T12:00:00Z")
    [course], _ = courses(customer("b", [told("2026-06-10"), cancelled, ended("2026-08-10")]))

    assert [(int(level.monthly), int(level.leaving)) for level in course.levels] == [
        (8999, 0),
        (8999, 8999),
        (0, 0),
    ]


def test_one_subscription_in_the_place_of_another_is_no_loss() -> None:
    moment = "2026-08-10T12:00:00Z"
    swapped = [told("2026-06-10"), ended(moment), told(moment, subscription="sub_2", price=9999)]

    assert brought(customer("b", swapped)) == [("06-10", Fraction(8999)), ("08-10", Fraction(9999))]
