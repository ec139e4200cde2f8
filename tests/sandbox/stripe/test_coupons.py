"""Coupons: once, for some months, for good."""

import pytest
import stripe as official
from stripe.params import CouponCreateParams

from provisioner.errors import SandboxError
from tests.stripes import World

ADA = "ada@example.com"


def _total(world: World, subscription_id: str) -> int:
    found = world.client.v1.subscriptions.retrieve(subscription_id, {"expand": ["latest_invoice"]})
    assert isinstance(found.latest_invoice, official.Invoice)
    return found.latest_invoice.total


def _totals(world: World, subscription_id: str, periods: int) -> list[int]:
    totals = [_total(world, subscription_id)]
    for _ in range(periods):
        end = world.subscription(subscription_id)["items"].data[0].current_period_end
        world.board.move_clock((end - world.mode.account.now) / 86400 + 0.1)
        totals.append(_total(world, subscription_id))
    return totals


def test_percent_for_good_are_taken_off_every_invoice(world: World) -> None:
    bought = world.buy(coupon="10")
    assert _totals(world, bought.id, 2) == [8099, 8099, 8099]
    found = world.client.v1.subscriptions.retrieve(bought.id, {"expand": ["discounts.source.coupon"]})
    (discount,) = found.discounts
    assert isinstance(discount, official.Discount)
    assert isinstance(discount.source.coupon, official.Coupon)
    assert (discount.source.coupon.percent_off, discount.source.coupon.duration) == (10, "forever")
    (session,) = world.client.v1.checkout.sessions.list({"subscription": bought.id}).data
    assert session.total_details is not None
    assert (session.amount_total, session.total_details.amount_discount) == (8099, 900)


@pytest.mark.parametrize(
    ("duration", "months", "totals"),
    [
        ("once", None, [7999, 8999, 8999]),
        ("repeating", 2, [7999, 7999, 8999]),
        ("forever", None, [7999, 7999, 7999]),
    ],
)
def test_an_amount_off_lasts_as_agreed(
    world: World, duration: str, months: int | None, totals: list[int]
) -> None:
    made: CouponCreateParams = {"id": "TEN", "amount_off": 1000, "currency": "usd", "duration": duration}
    if months:
        made["duration_in_months"] = months
    world.client.v1.coupons.create(made)
    bought = world.buy(coupon="TEN")
    assert _totals(world, bought.id, 2) == totals
    assert world.client.v1.coupons.retrieve("TEN").times_redeemed == 1


def test_one_that_comes_later_and_goes(world: World) -> None:
    bought = world.buy()
    told = world.types_since(lambda: world.board.set_coupon(ADA, "50"))
    assert told == ["coupon.created", "customer.discount.created", "customer.subscription.updated"]
    assert _totals(world, bought.id, 1) == [8999, 4499]
    told = world.types_since(lambda: world.client.v1.subscriptions.update(bought.id, {"discounts": ""}))
    assert told == ["customer.discount.deleted", "customer.subscription.updated"]
    assert world.subscription(bought.id).discounts == []


def test_all_of_it_off_costs_nothing(world: World) -> None:
    bought = world.buy(coupon="100")
    assert (bought.status, _total(world, bought.id)) == ("active", 0)
    assert world.client.v1.charges.list().data == []


def test_what_is_no_coupon_is_refused(world: World) -> None:
    with pytest.raises(SandboxError, match="find the coupon for SUMMER"):
        world.buy(coupon="SUMMER")
    both = {"percent_off": 5, "amount_off": 1}
    for wrong in (both, {"amount_off": 1}, {"percent_off": 5, "duration": "repeating"}):
        with pytest.raises(official.InvalidRequestError):
            world.client.v1.coupons.create(wrong)  # type: ignore[arg-type]
    world.client.v1.coupons.create({"id": "GONE", "percent_off": 5})
    world.client.v1.coupons.delete("GONE")
    with pytest.raises(SandboxError, match="cannot be redeemed"):
        world.buy(coupon="GONE")
