"""What is read from Stripe's JSON, and what is refused."""

import copy
import json
from contextlib import suppress
from typing import Any

import pytest

from provisioner.payments.errors import StrangeEvent
from provisioner.payments.events import (
    TYPES,
    Checkout,
    Invoice,
    SubscriptionState,
    envelope_of,
    read_event,
    understood,
)
from provisioner.payments.money import in_words
from tests.payments.stripe_events import Document, Person, event, older


@pytest.fixture
def events() -> dict[str, Document]:
    return {one["type"]: one for one in Person("ada", "ada@example.com").subscribe()}


def about(document: Document) -> Any:
    found = understood(envelope_of(document))
    assert found is not None
    return found.about


@pytest.mark.parametrize("shape", [lambda one: one, older], ids=["current", "older"])
def test_the_end_of_a_period_and_an_invoices_subscription_are_found_where_they_stand(
    events: dict[str, Document], shape: Any
) -> None:
    state = about(shape(events["customer.subscription.updated"]))
    assert isinstance(state, SubscriptionState)
    assert state.period_end == "2026-01-31T00:00:00Z"
    invoice = about(shape(events["invoice.paid"]))
    assert isinstance(invoice, Invoice)
    assert invoice.subscription == "sub_ada_1"


def test_the_earliest_end_of_several_items_counts(events: dict[str, Document]) -> None:
    document = copy.deepcopy(events["customer.subscription.updated"])
    items = document["data"]["object"]["items"]["data"]
    items.append({**items[0], "current_period_end": items[0]["current_period_end"] - 86_400})
    assert about(document).period_end == "2026-01-30T00:00:00Z"


def test_a_price_from_before_there_were_prices_is_read(events: dict[str, Document]) -> None:
    document = copy.deepcopy(events["customer.subscription.updated"])
    plan = {"id": "plan_old", "amount": 8999, "currency": "usd", "interval": "month", "interval_count": 1}
    item = document["data"]["object"]["items"]["data"][0]
    del item["price"]
    item["plan"] = plan
    (only,) = about(document).items
    assert (only.price, only.unit_amount, only.interval) == ("plan_old", 8999, "month")


def test_a_discount_for_ever_is_told_apart_from_one_of_which_no_more_is_known(
    events: dict[str, Document],
) -> None:
    document = copy.deepcopy(events["customer.subscription.updated"])
    subscription = document["data"]["object"]
    subscription["discounts"] = ["di_1"]
    assert (about(document).lasting_discount, about(document).discounts) == (None, ("di_1",))
    subscription["discounts"] = [{"source": {"coupon": {"duration": "forever", "percent_off": 10}}}]
    assert about(document).lasting_discount == {"percentOff": 10}


def test_a_renewal_changes_nothing_that_is_paid() -> None:
    person = Person("ada", "ada@example.com")
    list(person.subscribe())
    renewed, _ = person.renew()
    assert about(renewed).changed == ()
    (doubled,) = person.double()
    assert about(doubled).changed == ("items",)


def test_another_kind_of_checkout_or_event_means_nothing(events: dict[str, Document]) -> None:
    completed = copy.deepcopy(events["checkout.session.completed"])
    completed["data"]["object"]["mode"] = "payment"
    assert understood(envelope_of(completed)) is None
    assert understood(envelope_of(event("product.created", {"id": "prod_1"}, 1))) is None


def test_the_checkouts_own_fields_are_read(events: dict[str, Document]) -> None:
    document = copy.deepcopy(events["checkout.session.completed"])
    document["data"]["object"]["custom_fields"][0]["text"]["value"] = "@ada"
    checkout = about(document)
    assert isinstance(checkout, Checkout)
    assert checkout.fields == {"telegram": "@ada"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"object": "v2.core.event", "id": "evt_1"}',
        json.dumps(event("invoice.paid", {}, 1) | {"id": "evt_../../etc/passwd"}),
        json.dumps(event("invoice.paid", {}, 1) | {"id": "evt_" + "a" * 300}),
        json.dumps(event("invoice.paid", {}, 1) | {"created": -1}),
        json.dumps(event("invoice.paid", {}, 1) | {"livemode": "yes"}),
        json.dumps(event("invoice.paid", {}, 1) | {"data": None}),
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(StrangeEvent):
        read_event(text)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("content", [{}, {"id": 3}, {"items": []}, {"mode": "subscription", "id": None}])
def test_an_odd_object_is_an_error_of_ours_or_nothing(kind: str, content: Document) -> None:
    with suppress(StrangeEvent):
        understood(envelope_of(event(kind, content, 1)))


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (8999, "usd", "$89.99"),
        (123456789, "usd", "$1,234,567.89"),
        (12000, "jpy", "12,000 JPY"),
        (1500, "kwd", "1.500 KWD"),
        (-500, "eur", "-€5.00"),
        (None, "usd", "an unknown amount"),
        (5, None, "0.05"),
    ],
)
def test_amounts_are_in_the_currencys_own_unit(amount: int | None, currency: str | None, words: str) -> None:
    assert in_words(amount, currency) == words
