"""A checkout, by the dashboard and over the API."""

import pytest
import stripe as official

from provisioner.errors import SandboxError
from provisioner.sandbox.stripe.dashboard import PRICE, Purchase
from tests.stripes import World

SEQUENCE = [
    "customer.created",
    "payment_method.attached",
    "customer.updated",
    "invoice.created",
    "customer.subscription.created",
    "invoice.finalized",
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice_payment.paid",
    "customer.subscription.updated",
    "invoice.paid",
    "invoice.payment_succeeded",
    "checkout.session.completed",
]


def test_a_checkout_makes_what_stripe_makes_of_it(world: World) -> None:
    bought = world.buy("ada@example.com", name="Ada Lovelace", telegram=" @Ada_L ")
    assert (bought.status, bought.cancel_at, bought.livemode) == ("active", None, False)
    (item,) = bought["items"].data
    assert (item.price.id, item.price.unit_amount, item.price.currency) == (PRICE, 8999, "usd")
    assert 28 <= (item.current_period_end - item.current_period_start) / 86400 <= 31

    (session,) = world.client.v1.checkout.sessions.list({"subscription": bought.id}).data
    assert (session.status, session.payment_status, session.mode) == ("complete", "paid", "subscription")
    assert session.customer_details is not None
    assert (session.customer_details.email, session.customer_details.name) == (
        "ada@example.com",
        "Ada Lovelace",
    )
    (field,) = session.custom_fields
    assert field.text is not None
    assert (field.key, field.type, field.text.value) == ("telegram", "text", " @Ada_L ")
    assert world.types()[-len(SEQUENCE) :] == SEQUENCE


def test_the_telegram_field_may_be_left_empty(world: World) -> None:
    bought = world.buy()
    (session,) = world.client.v1.checkout.sessions.list({"subscription": bought.id}).data
    assert session.custom_fields[0].text is not None
    assert session.custom_fields[0].text.value is None


def test_the_same_address_twice_is_two_customers(world: World) -> None:
    first, second = world.buy(), world.buy()
    assert first.customer != second.customer
    assert first.id != second.id


def test_a_session_made_over_the_api_is_completed_with_its_metadata(world: World) -> None:
    price = world.client.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 4900,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Small"},
            "lookup_key": "small",
        }
    )
    made = world.client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [{"price": price.id, "quantity": 2}],
            "success_url": "https://example.com/welcome",
            "client_reference_id": "ref-1",
            "metadata": {"landing": "a"},
            "subscription_data": {"metadata": {"plan": "small"}, "trial_period_days": 14},
            "custom_fields": [
                {"key": "telegram", "label": {"type": "custom", "custom": "Telegram"}, "type": "text"}
            ],
            "expand": ["line_items"],
        }
    )
    assert made.url
    assert made.line_items is not None
    assert made.line_items.data[0].amount_total == 9800
    world.board.checkout(Purchase(email="ada@example.com", telegram="ada", session=made.id))
    done = world.client.v1.checkout.sessions.retrieve(made.id, {"expand": ["subscription"]})
    assert isinstance(done.subscription, official.Subscription)
    assert (done.payment_status, done.subscription.status) == ("no_payment_required", "trialing")
    assert done.subscription.metadata.to_dict() == {"plan": "small"}
    assert done.metadata is not None
    assert done.metadata.to_dict() == {"landing": "a"}
    assert done.custom_fields[0].text is not None
    assert done.custom_fields[0].text.value == "ada"
    with pytest.raises(SandboxError, match="complete"):
        world.board.checkout(Purchase(email="ada@example.com", session=made.id))


def test_a_refused_card_leaves_it_open_until_another_pays(world: World) -> None:
    bought = world.buy(card="declines")
    assert bought.status == "incomplete"
    assert "checkout.session.completed" not in world.types()
    world.board.pay("ada@example.com")
    assert world.subscription(bought.id).status == "active"
    assert world.types()[-1] == "checkout.session.completed"


def test_without_another_card_it_expires(world: World) -> None:
    bought = world.buy(card="declines")
    world.board.move_clock(2)
    assert world.subscription(bought.id).status == "incomplete_expired"
    assert world.types()[-1] == "checkout.session.expired"
    assert "customer.subscription.deleted" not in world.types()


@pytest.mark.parametrize(
    ("comes", "told", "payment", "status"),
    [
        (True, "checkout.session.async_payment_succeeded", "paid", "active"),
        (False, "checkout.session.async_payment_failed", "unpaid", "past_due"),
    ],
)
def test_a_payment_that_takes_days_is_complete_but_not_paid(
    world: World, comes: bool, told: str, payment: str, status: str
) -> None:
    bought = world.buy(card="delays")
    (session,) = world.client.v1.checkout.sessions.list({"subscription": bought.id}).data
    assert (bought.status, session.status, session.payment_status) == ("active", "complete", "unpaid")
    assert "invoice.paid" not in world.types()
    (world.board.pay if comes else world.board.fail)("ada@example.com")
    assert world.types()[-1] == told
    assert world.client.v1.checkout.sessions.retrieve(session.id).payment_status == payment
    assert world.subscription(bought.id).status == status


def test_a_card_that_wants_a_confirmation_is_not_paid_with(world: World) -> None:
    bought = world.buy(card="authenticates")
    assert bought.status == "incomplete"
    assert "invoice.payment_action_required" in world.types()
    assert world.client.v1.payment_intents.list().data[0].status == "requires_action"
    world.board.pay("ada@example.com")
    assert world.subscription(bought.id).status == "active"


def test_an_open_session_is_expired_once(world: World) -> None:
    price = world.board.checkout(Purchase(email="ada@example.com"))["items"]["data"][0]["price"]["id"]
    made = world.client.v1.checkout.sessions.create(
        {"mode": "subscription", "line_items": [{"price": price}]}
    )
    assert world.client.v1.checkout.sessions.expire(made.id).status == "expired"
    with pytest.raises(official.InvalidRequestError):
        world.client.v1.checkout.sessions.expire(made.id)


def test_a_price_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(SandboxError, match="price_no"):
        world.buy(price="price_no")
    assert world.buy(price="1200")["items"].data[0].price.unit_amount == 1200
