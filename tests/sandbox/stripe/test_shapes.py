"""Every object has the fields that the official library's release declares, and no others."""

import typing
from collections.abc import Iterator
from typing import Any

import pytest
import stripe as official
from pydantic import BaseModel

from provisioner.sandbox.stripe.app import ENDPOINTS
from provisioner.sandbox.stripe.dashboard import Goodbye
from provisioner.sandbox.stripe.forms import Form
from provisioner.sandbox.stripe.versions import CURRENT
from tests.stripes import World

CLASSES: dict[str, Any] = {
    "balance_transaction": official.BalanceTransaction,
    "billing_portal.configuration": official.billing_portal.Configuration,
    "billing_portal.session": official.billing_portal.Session,
    "charge": official.Charge,
    "checkout.session": official.checkout.Session,
    "coupon": official.Coupon,
    "customer": official.Customer,
    "discount": official.Discount,
    "dispute": official.Dispute,
    "event": official.Event,
    "invoice": official.Invoice,
    "invoice_payment": official.InvoicePayment,
    "item": official.LineItem,
    "line_item": official.InvoiceLineItem,
    "payment_intent": official.PaymentIntent,
    "payment_method": official.PaymentMethod,
    "plan": official.Plan,
    "price": official.Price,
    "product": official.Product,
    "refund": official.Refund,
    "subscription": official.Subscription,
    "subscription_item": official.SubscriptionItem,
    "test_helpers.test_clock": official.test_helpers.TestClock,
    "webhook_endpoint": official.WebhookEndpoint,
}
PARAMS = {
    ("POST", "customers"): official.params.CustomerCreateParams,
    ("POST", "products"): official.params.ProductCreateParams,
    ("POST", "prices"): official.params.PriceCreateParams,
    ("POST", "coupons"): official.params.CouponCreateParams,
    ("POST", "prices/{id}"): official.params.PriceUpdateParams,
    ("GET", "prices"): official.params.PriceListParams,
    ("POST", "subscriptions"): official.params.SubscriptionCreateParams,
    ("POST", "subscriptions/{id}"): official.params.SubscriptionUpdateParams,
    ("DELETE", "subscriptions/{id}"): official.params.SubscriptionCancelParams,
    ("POST", "subscriptions/{id}/pause"): official.params.SubscriptionPauseParams,
    ("POST", "subscriptions/{id}/resume"): official.params.SubscriptionResumeParams,
    ("GET", "subscriptions"): official.params.SubscriptionListParams,
    ("POST", "checkout/sessions"): official.params.checkout.SessionCreateParams,
    ("GET", "checkout/sessions"): official.params.checkout.SessionListParams,
    ("POST", "billing_portal/sessions"): official.params.billing_portal.SessionCreateParams,
    ("GET", "invoices"): official.params.InvoiceListParams,
    ("GET", "invoice_payments"): official.params.InvoicePaymentListParams,
    ("GET", "charges"): official.params.ChargeListParams,
    ("GET", "disputes"): official.params.DisputeListParams,
    ("POST", "refunds"): official.params.RefundCreateParams,
    ("GET", "events"): official.params.EventListParams,
    ("POST", "webhook_endpoints"): official.params.WebhookEndpointCreateParams,
}


@pytest.fixture
def lived(world: World) -> World:
    """One in which everything has happened."""
    world.listen()
    for name in ("ada", "bert", "carl"):
        world.buy(f"{name}@example.com", name=name.title(), telegram=f"@{name}")
    world.buy("dora@example.com", trial_days=7)
    world.board.set_coupon("ada@example.com", "10")
    world.board.refund("ada@example.com", 500)
    world.board.dispute("bert@example.com")
    world.board.close_dispute("bert@example.com", won=True)
    world.board.fail("carl@example.com", later=True)
    world.board.cancel("ada@example.com", Goodbye(feedback="unused"))
    world.board.pause("dora@example.com")
    world.board.move_clock(33)
    return world


def test_objects_are_as_the_library_declares_them(lived: World) -> None:
    wrong = []
    seen = set()
    for kind, table in lived.mode.account.objects.items():
        if kind in ("line_items", "subscription_data"):
            continue
        for thing in table.values():
            for part in _parts(thing):
                seen.add(part["object"])
                wrong += _differences(part)
    assert sorted(set(wrong)) == []
    assert {"subscription_item", "line_item", "plan", "charge", "refund", "dispute", "event"} <= seen


def test_what_requests_carry_is_published() -> None:
    wrong = []
    for endpoint in ENDPOINTS:
        published = PARAMS.get((endpoint.method, endpoint.path))
        if published is not None:
            ours = {*endpoint.form.model_fields, *endpoint.form.ignored}
            wrong += [f"{endpoint.path}: {name}" for name in ours - _names(published)]
    assert sorted(wrong) == []


def test_every_type_of_event_is_one_of_stripes(lived: World) -> None:
    published = set(typing.get_args(typing.get_type_hints(official.Event)["type"]))
    types = set(lived.types())
    assert types - published == set()
    assert len(types) > 25


def test_the_library_and_the_sandbox_speak_of_the_same_version() -> None:
    assert official.api_version == CURRENT


def test_a_form_is_a_form() -> None:
    assert all(issubclass(endpoint.form, Form) for endpoint in ENDPOINTS)
    assert issubclass(Form, BaseModel)


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in an object, itself among them."""
    if isinstance(value, list):
        for one in value:
            yield from _parts(one)
    elif isinstance(value, dict):
        if str(value.get("object")) in CLASSES and not value.get("deleted"):
            yield value
        for name, one in value.items():
            if name != "previous_attributes":
                yield from _parts(one)


def _differences(thing: dict[str, Any]) -> list[str]:
    kind = thing["object"]
    fields = {
        name: str(shape)
        for name, shape in CLASSES[kind].__annotations__.items()
        if not name.startswith("_") and name != "OBJECT_NAME"
    }
    unknown = [f"{kind}.{name} is not published" for name in thing if name not in fields]
    lacking = [
        f"{kind}.{name} is not there"
        for name, shape in fields.items()
        if name not in thing and "Optional" not in shape
    ]
    empty = [
        f"{kind}.{name} is null"
        for name, value in thing.items()
        if value is None and name in fields and not ("Optional" in fields[name] or "None" in fields[name])
    ]
    return unknown + lacking + empty


def _names(params: Any) -> set[str]:
    return set(params.__annotations__)
