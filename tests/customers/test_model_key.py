"""What a customer's own key may spend, has spent, and when something is said of it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.customers.model_key import (
    carried_on,
    highest_said,
    is_to_be_refused,
    limit_in,
    may_have_key,
    seen,
    spent_in,
    to_say,
    with_said,
)
from provisioner.customers.record import Record
from tests.steps.support import new_record

MONTH, BEFORE, MONTHLY = "2026-11", "2026-10", 20
AT = "2026-11-01T00:00:00Z"


def with_key(**own: Any) -> Record:
    return new_record(setup={"status": "complete", "modelKey": own})


def changed(record: Record, fields: dict[str, object]) -> Record:
    record.update(fields)
    return record


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({}, None),
        ({"spend": {MONTH: 1599}}, None),
        ({"spend": {MONTH: 1600}}, 80),
        ({"spend": {MONTH: 1999}}, 80),
        ({"spend": {MONTH: 2000}}, 100),
        ({"spend": {BEFORE: 9999}}, None),
        ({"spend": {MONTH: 1600}, "told": [f"{MONTH} 80"]}, None),
        ({"spend": {MONTH: 1600}, "told": [f"{BEFORE} 80"]}, 80),
        ({"spend": {MONTH: 2000}, "told": [f"{MONTH} 80"]}, 100),
        ({"spend": {MONTH: 9999}, "told": [f"{MONTH} 80", f"{MONTH} 100"]}, None),
        ({"spend": {MONTH: 2000}, "budget": 40}, None),
        ({"spend": {MONTH: 3200}, "budget": 40}, 80),
        # After a raise the lower part is not said once more.
        ({"spend": {MONTH: 3200}, "budget": 40, "told": [f"{MONTH} 80", f"{MONTH} 100"]}, None),
    ],
)
def test_what_is_said_when(own: dict[str, Any], said: int | None) -> None:
    assert to_say(with_key(**own).customer, MONTHLY, MONTH) == said


def test_who_is_told_all_at_once_is_not_told_the_half_of_it_later() -> None:
    record = with_key(spend={MONTH: 2000}, told=[f"{BEFORE} 80", f"{BEFORE} 100"])

    changed(record, with_said(record.customer, MONTH, 100))

    assert record.customer.setup.model_key.told == (f"{MONTH} 80", f"{MONTH} 100")
    assert to_say(record.customer, MONTHLY, MONTH) is None
    assert highest_said(record.customer, MONTH) == 100
    assert highest_said(record.customer, BEFORE) is None


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        ({}, False),
        ({"setup": {"modelKey": {"stopped": True}}}, True),
        ({"setup": {"pause": {"requestedAt": AT}}}, False),
        ({"setup": {"pause": {"requestedAt": AT, "pausedAt": AT}}}, True),
        ({"setup": {"pause": {"requestedAt": AT, "pausedAt": AT, "undoAt": AT}}}, False),
        ({"leaving": {"requestedAt": AT, "stopAt": AT, "graceDays": 1}}, False),
        ({"leaving": {"requestedAt": AT, "stopAt": AT, "graceDays": 1, "stoppedAt": AT}}, True),
        (
            {"leaving": {"requestedAt": AT, "stopAt": AT, "graceDays": 1, "stoppedAt": AT, "undoAt": AT}},
            False,
        ),
    ],
)
def test_whose_key_is_refused(document: dict[str, Any], refused: bool) -> None:
    assert is_to_be_refused(new_record(**document).customer) is refused


def test_who_may_have_a_key() -> None:
    assert not may_have_key(new_record().customer)
    # Also one whose secret was lost.
    assert may_have_key(with_key(requestedAt=AT).customer)


def test_of_a_key_that_the_provider_has_forgotten_counts_what_was_seen() -> None:
    record = with_key(spend={MONTH: 700}, carried={MONTH: 100})

    changed(record, carried_on(record.customer, None, MONTH))

    assert record.customer.setup.model_key.carried == {MONTH: 700}


def test_two_years_of_months_are_kept() -> None:
    months = [f"{year}-{month:02}" for year in (2024, 2025, 2026) for month in range(1, 13)]
    record = with_key(spend={})
    for month in months:
        changed(record, seen(record.customer, Decimal(1), month))

    assert list(record.customer.setup.model_key.spend or {}) == months[-24:]


@given(
    st.lists(st.tuples(st.decimals(0, 30, places=6), st.sampled_from(["looked at", "replaced"])), max_size=8)
)
@settings(max_examples=150, deadline=None)
def test_however_often_keys_are_replaced_all_of_them_stay_within_the_budget(
    keys: list[tuple[Decimal, str]],
) -> None:
    """Each key spends some of what it may; no limit lets all of them together spend more than the budget."""
    record, spent, before = with_key(), Decimal(0), 0
    current = Decimal(0)
    for dollars, then in keys:
        limit = Decimal(limit_in(record.customer, MONTHLY, MONTH)) / 100
        more = min(dollars, limit - current) if limit > current else Decimal(0)
        current, spent = current + more, spent + more
        assert spent <= MONTHLY
        if then == "replaced":
            changed(record, carried_on(record.customer, current, MONTH))
            current = Decimal(0)
        else:
            changed(record, seen(record.customer, current, MONTH))
        known = spent_in(record.customer, MONTH)
        assert before <= known
        assert abs(known - spent * 100) <= len(keys)
        before = known
