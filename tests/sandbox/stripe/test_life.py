"""Subscriptions that live by the clock: renewed, not paid, paused, changed, ended."""

import pytest
import stripe as official

from provisioner.errors import SandboxError
from provisioner.sandbox.stripe.clock import after
from provisioner.sandbox.stripe.dashboard import Goodbye
from tests.stripes import World

ADA = "ada@example.com"
JANUARY_31 = 1769846400
DAY = 86400


def _invoice(world: World, subscription_id: str) -> official.Invoice:
    found = world.client.v1.subscriptions.retrieve(subscription_id, {"expand": ["latest_invoice"]})
    assert isinstance(found.latest_invoice, official.Invoice)
    return found.latest_invoice


def _end(subscription: official.Subscription) -> int:
    return int(subscription["items"].data[0].current_period_end)


def test_a_renewal_is_a_draft_for_an_hour_and_then_paid(world: World) -> None:
    bought = world.buy()
    first = _end(bought)
    days = (first - world.mode.account.now) / DAY
    begun = world.types_since(lambda: world.board.move_clock(days + 0.001))
    assert begun == ["invoice.created", "customer.subscription.updated"]
    assert _invoice(world, bought.id).status == "draft"
    paid = world.types_since(lambda: world.board.move_clock(0.05))
    assert paid[0] == "invoice.finalized"
    assert paid[-2:] == ["invoice.paid", "invoice.payment_succeeded"]

    renewed = world.subscription(bought.id)
    assert renewed["items"].data[0].current_period_start == first
    invoice = _invoice(world, bought.id)
    assert (invoice.status, invoice.billing_reason, invoice.amount_paid) == (
        "paid",
        "subscription_cycle",
        8999,
    )
    assert invoice.lines.data[0].period.end == _end(renewed)
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == bought.id


def test_what_happens_in_time_is_dated_then(world: World) -> None:
    bought = world.buy()
    world.board.move_clock(25)
    world.board.move_clock(30)
    renewals = world.client.v1.events.list({"type": "customer.subscription.updated"}).data
    assert renewals[0].created == _end(bought)
    assert renewals[0].data.previous_attributes is not None


def test_months_keep_their_day() -> None:
    ends = [JANUARY_31]
    for _ in range(3):
        ends.append(after(JANUARY_31, ends[-1], "month", 1))
    assert [(end - JANUARY_31) // DAY for end in ends] == [0, 28, 59, 89]
    assert after(JANUARY_31, JANUARY_31, "week", 2) == JANUARY_31 + 14 * DAY


def test_a_failed_payment_is_retried_and_then_the_subscription_ends(world: World) -> None:
    bought = world.buy()
    failed = world.types_since(lambda: world.board.fail(ADA))
    assert failed[-3:] == ["invoice.updated", "invoice.payment_failed", "customer.subscription.updated"]
    assert world.subscription(bought.id).status == "past_due"
    invoice = _invoice(world, bought.id)
    assert (invoice.status, invoice.attempt_count) == ("open", 1)
    assert invoice.next_payment_attempt is not None
    assert round((invoice.next_payment_attempt - world.mode.account.now) / DAY) == 3

    later = world.types_since(lambda: world.board.move_clock(16))
    assert later.count("invoice.payment_failed") == 3
    assert later[-1] == "customer.subscription.deleted"
    ended = world.subscription(bought.id)
    assert ended.status == "canceled"
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.reason == "payment_failed"
    assert world.types_since(lambda: world.board.move_clock(90)) == []


@pytest.mark.parametrize("policy", ["unpaid", "past_due"])
def test_the_accounts_policy_may_keep_it(world: World, policy: str) -> None:
    world.options(after_retries=policy)
    bought = world.buy()
    world.board.fail(ADA)
    world.board.move_clock(16)
    assert world.subscription(bought.id).status == policy
    if policy == "unpaid":
        world.board.move_clock(30)
        assert _invoice(world, bought.id).status == "draft"
        assert _invoice(world, bought.id).auto_advance is False


def test_an_older_invoice_that_is_paid_revives_nothing(world: World) -> None:
    world.options(after_retries="unpaid")
    bought = world.buy()
    world.board.fail(ADA)
    owed = _invoice(world, bought.id)
    world.board.move_clock(32)
    assert _invoice(world, bought.id).id != owed.id
    assert owed.id is not None
    assert world.client.v1.invoices.pay(owed.id, {"payment_method": "pm_card_visa"}).status == "paid"
    assert world.subscription(bought.id).status == "unpaid"
    world.board.pay(ADA)
    assert world.subscription(bought.id).status == "active"


def test_paying_what_is_owed_makes_it_active_again(world: World) -> None:
    bought = world.buy()
    world.board.fail(ADA)
    paid = world.types_since(lambda: world.board.pay(ADA))
    assert paid[-3:] == ["customer.subscription.updated", "invoice.paid", "invoice.payment_succeeded"]
    assert world.subscription(bought.id).status == "active"
    before = _end(world.subscription(bought.id))
    world.board.move_clock(1)
    world.board.pay(ADA)
    assert _end(world.subscription(bought.id)) > before


def test_the_card_may_fail_later(world: World) -> None:
    bought = world.buy()
    world.board.fail(ADA, later=True)
    assert world.subscription(bought.id).status == "active"
    world.board.move_clock(32)
    assert world.subscription(bought.id).status == "past_due"


def test_a_trial_is_announced_and_ends_in_a_payment(world: World) -> None:
    bought = world.buy(trial_days=7)
    assert (bought.status, _invoice(world, bought.id).amount_paid) == ("trialing", 0)
    assert world.types_since(lambda: world.board.move_clock(5)) == ["customer.subscription.trial_will_end"]
    world.board.move_clock(3)
    assert world.subscription(bought.id).status == "active"
    assert _invoice(world, bought.id).amount_paid == 8999


def test_a_trial_is_made_longer_or_ended(world: World) -> None:
    bought = world.buy(trial_days=3)
    until = world.mode.account.now + 10 * DAY
    longer = world.client.v1.subscriptions.update(bought.id, {"trial_end": until})
    assert (longer.status, longer.trial_end, _end(longer)) == ("trialing", until, until)
    world.board.move_clock(5)
    assert world.subscription(bought.id).status == "trialing"
    ended = world.client.v1.subscriptions.update(bought.id, {"trial_end": "now"})
    assert (ended.status, _invoice(world, bought.id).amount_paid) == ("active", 8999)
    with pytest.raises(official.InvalidRequestError):
        world.client.v1.subscriptions.update(bought.id, {"trial_end": 1})


@pytest.mark.parametrize(
    ("agreed", "status"), [("pause", "paused"), ("cancel", "canceled"), ("create_invoice", "past_due")]
)
def test_a_trial_without_a_card_ends_as_agreed(world: World, agreed: str, status: str) -> None:
    v1 = world.client.v1
    price = world.buy()["items"].data[0].price.id
    bare = v1.customers.create({"email": "bare@example.com"})
    made = v1.subscriptions.create(
        {
            "customer": bare.id,
            "items": [{"price": price}],
            "trial_period_days": 3,
            "trial_settings": {"end_behavior": {"missing_payment_method": agreed}},
        }
    )
    assert made.status == "trialing"
    world.board.move_clock(3.2)
    assert world.subscription(made.id).status == status


def test_cancelling_at_the_periods_end_can_be_said_in_two_ways_and_undone(world: World) -> None:
    bought = world.buy()
    told = world.types_since(lambda: world.board.cancel(ADA, Goodbye(feedback="unused", comment="bye")))
    assert told == ["customer.subscription.updated"]
    planned = world.subscription(bought.id)
    assert (planned.cancel_at, planned.cancel_at_period_end) == (_end(planned), False)
    assert (planned.status, planned.canceled_at is not None, planned.ended_at) == ("active", True, None)
    assert planned.cancellation_details is not None
    assert planned.cancellation_details.feedback == "unused"
    event = world.client.v1.events.list({"type": "customer.subscription.updated"}).data[0]
    assert event.data.previous_attributes is not None
    assert event.data.previous_attributes["cancel_at"] is None

    world.board.keep(ADA)
    assert world.subscription(bought.id).cancel_at is None
    with pytest.raises(SandboxError, match="there is none"):
        world.board.keep(ADA)

    world.client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": True})
    flagged = world.subscription(bought.id)
    assert (flagged.cancel_at, flagged.cancel_at_period_end) == (_end(flagged), True)
    ended = world.types_since(lambda: world.board.move_clock(32))
    assert ended == ["customer.subscription.deleted"]
    assert world.subscription(bought.id).status == "canceled"


def test_cancelling_now_is_over_once(world: World) -> None:
    bought = world.buy()
    gone = world.client.v1.subscriptions.cancel(bought.id, {"cancellation_details": {"comment": "bye"}})
    assert (gone.status, gone.ended_at is not None) == ("canceled", True)
    with pytest.raises(official.InvalidRequestError) as refused:
        world.client.v1.subscriptions.cancel(bought.id)
    assert refused.value.code == "resource_missing"
    with pytest.raises(SandboxError, match="none of theirs runs"):
        world.board.cancel(ADA, Goodbye(now=True))
    assert world.buy().id != bought.id, "a comeback is a new one"


def test_a_paused_subscription_costs_nothing_until_it_is_resumed(world: World) -> None:
    bought = world.buy()
    assert world.types_since(lambda: world.board.pause(ADA)) == ["customer.subscription.paused"]
    assert world.subscription(bought.id).status == "paused"
    assert world.types_since(lambda: world.board.move_clock(70)) == []
    resumed = world.types_since(lambda: world.board.resume(ADA))
    assert resumed[-1] == "customer.subscription.resumed"
    again = world.subscription(bought.id)
    assert (again.status, again.status_details) == ("active", None)
    assert _end(again) > world.mode.account.now


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")],
)
def test_paused_collection_leaves_it_active_without_payments(
    world: World, behavior: str, status: str
) -> None:
    bought = world.buy()
    world.client.v1.subscriptions.update(bought.id, {"pause_collection": {"behavior": behavior}})
    world.board.move_clock(32)
    paused = world.subscription(bought.id)
    assert paused.pause_collection is not None
    assert (paused.status, paused.pause_collection.behavior) == ("active", behavior)
    assert _invoice(world, bought.id).status == status
    world.client.v1.subscriptions.update(bought.id, {"pause_collection": ""})
    assert world.subscription(bought.id).pause_collection is None


def test_refunds_in_parts_and_whole(world: World) -> None:
    bought = world.buy()
    charge = world.client.v1.charges.list().data[0]
    told = world.types_since(lambda: world.board.refund(ADA, 1000))
    assert told == ["refund.created", "charge.refunded", "charge.updated"]
    part = world.client.v1.charges.retrieve(charge.id, {"expand": ["refunds", "balance_transaction"]})
    assert (part.amount_refunded, part.refunded) == (1000, False)
    assert part.refunds is not None
    assert part.refunds.data[0].amount == 1000
    assert isinstance(part.balance_transaction, official.BalanceTransaction)
    assert part.balance_transaction.net == 8999 - part.balance_transaction.fee
    assert isinstance(charge.payment_intent, str)
    world.client.v1.refunds.create({"payment_intent": charge.payment_intent})
    assert world.client.v1.charges.retrieve(charge.id).refunded is True
    with pytest.raises(official.InvalidRequestError) as refused:
        world.client.v1.refunds.create({"charge": charge.id})
    assert refused.value.code == "charge_already_refunded"
    assert world.subscription(bought.id).status == "active", "a refund ends nothing"


def test_a_charge_leads_to_its_subscription(world: World) -> None:
    bought = world.buy()
    charge = world.client.v1.charges.list().data[0]
    assert isinstance(charge.payment_intent, str)
    (payment,) = world.client.v1.invoice_payments.list(
        {
            "payment": {"type": "payment_intent", "payment_intent": charge.payment_intent},
            "expand": ["data.invoice"],
        }
    ).data
    assert isinstance(payment.invoice, official.Invoice)
    assert payment.invoice.parent is not None
    assert payment.invoice.parent.subscription_details is not None
    assert payment.invoice.parent.subscription_details.subscription == bought.id


def test_a_dispute_is_opened_and_decided(world: World) -> None:
    world.buy()
    assert world.types_since(lambda: world.board.dispute(ADA)) == [
        "charge.updated",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    ]
    (dispute,) = world.client.v1.disputes.list().data
    assert (dispute.status, dispute.amount) == ("needs_response", 8999)
    assert isinstance(dispute.charge, str)
    assert world.client.v1.charges.retrieve(dispute.charge).disputed is True
    world.board.close_dispute(ADA, won=False)
    assert world.client.v1.disputes.retrieve(dispute.id).status == "lost"
    with pytest.raises(SandboxError, match="none open"):
        world.board.close_dispute(ADA, won=True)


def test_an_address_changes(world: World) -> None:
    bought = world.buy()
    assert world.types_since(lambda: world.board.update_email(ADA, "new@example.com")) == ["customer.updated"]
    event = world.client.v1.events.list({"type": "customer.updated"}).data[0]
    assert event.data.previous_attributes is not None
    assert event.data.previous_attributes.to_dict() == {"email": ADA}
    assert event.data.object["id"] == bought.customer
    with pytest.raises(SandboxError, match="nobody of this address"):
        world.board.pay(ADA)


def test_another_price_is_prorated_on_the_next_invoice(world: World) -> None:
    bought = world.buy()
    world.board.move_clock((_end(bought) - bought.created) / DAY / 2)
    world.board.reprice(ADA, "12000")
    changed = world.subscription(bought.id)
    assert changed["items"].data[0].price.unit_amount == 12000
    world.board.move_clock(20)
    lines = _invoice(world, bought.id).lines.data
    assert lines[0].amount == 12000
    assert lines[1].amount < 0 < lines[2].amount
    assert abs(lines[1].amount + 8999 / 2) < 10
    assert abs(lines[2].amount - 6000) < 10


def test_a_credit_pays_first(world: World) -> None:
    bought = world.buy()
    assert isinstance(bought.customer, str)
    item = bought["items"].data[0]
    cheap = world.client.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 100,
            "recurring": {"interval": "month"},
            "product": item.price.product,
        }
    )
    world.client.v1.subscriptions.update(
        bought.id, {"items": [{"id": item.id, "price": cheap.id}], "proration_behavior": "always_invoice"}
    )
    credit = world.client.v1.customers.retrieve(bought.customer).balance
    assert credit is not None
    assert -8900 <= credit <= -8890
    world.board.move_clock(32)
    invoice = _invoice(world, bought.id)
    assert (invoice.total, invoice.amount_due, invoice.starting_balance) == (100, 0, credit)
    assert world.client.v1.customers.retrieve(bought.customer).balance == credit + 100


def test_over_the_api_from_a_card_to_a_change(world: World) -> None:
    v1 = world.client.v1
    ada = v1.customers.create(
        {
            "email": ADA,
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    )
    price = v1.prices.create(
        {
            "currency": "eur",
            "unit_amount": 500,
            "recurring": {"interval": "week"},
            "product_data": {"name": "P"},
        }
    )
    made = v1.subscriptions.create({"customer": ada.id, "items": [{"price": price.id, "quantity": 3}]})
    assert (made.status, made.currency) == ("active", "eur")
    item = made["items"].data[0]
    v1.subscriptions.update(
        made.id,
        {"items": [{"id": item.id, "quantity": 1}], "proration_behavior": "none", "metadata": {"a": "b"}},
    )
    changed = world.subscription(made.id)
    assert (changed["items"].data[0].quantity, changed.metadata.to_dict()) == (1, {"a": "b"})
    declined = v1.customers.create(
        {"invoice_settings": {"default_payment_method": "pm_card_chargeCustomerFail"}}
    )
    assert (
        v1.subscriptions.create({"customer": declined.id, "items": [{"price": price.id}]}).status
        == "incomplete"
    )
    with pytest.raises(official.CardError) as refused:
        v1.subscriptions.create(
            {
                "customer": declined.id,
                "items": [{"price": price.id}],
                "payment_behavior": "error_if_incomplete",
            }
        )
    assert (refused.value.http_status, refused.value.code) == (402, "card_declined")
    bare = v1.customers.create({})
    with pytest.raises(official.InvalidRequestError, match="no attached payment source"):
        v1.subscriptions.create({"customer": bare.id, "items": [{"price": price.id}]})


def test_a_refused_change_changes_nothing(world: World) -> None:
    bought = world.buy()
    item = bought["items"].data[0].id
    told = world.types()
    with pytest.raises(official.InvalidRequestError):
        world.client.v1.subscriptions.update(
            bought.id,
            {
                "metadata": {"a": "b"},
                "cancel_at_period_end": True,
                "items": [{"id": item, "price": "price_no"}],
            },
        )
    assert world.subscription(bought.id).to_dict() == bought.to_dict()
    assert world.types() == told


def test_time_only_moves_on(world: World) -> None:
    with pytest.raises(SandboxError, match="only moves on"):
        world.board.move_clock(-1)
