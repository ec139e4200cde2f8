"""What a coupon takes off a subscription's invoices, and for how long."""

from collections.abc import Iterable

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.clock import in_months
from provisioner.sandbox.stripe.errors import impossible
from provisioner.sandbox.stripe.shapes.discounts import new_discount


def set_coupons(account: Account, subscription: Json, coupons: Iterable[Json]) -> None:
    """These from now on, in place of those of before. The caller makes the subscription's event."""
    for old in subscription["discounts"]:
        account.emit("customer.discount.deleted", account.find("discount", old))
    subscription["discounts"] = [_redeem(account, subscription, coupon) for coupon in coupons]


def drop_ended(account: Account, subscription: Json) -> None:
    """With a new period: what was for once, and was given, is over, and what was for some months then is."""
    for discount in [account.find("discount", one) for one in subscription["discounts"]]:
        ended = discount["end"] is not None and discount["end"] <= account.now
        if ended or (_coupon(account, discount)["duration"] == "once" and discount["id"] in account.given):
            subscription["discounts"].remove(discount["id"])
            account.emit("customer.discount.deleted", discount)


def take_off(account: Account, subscription: Json, invoice: Json) -> None:
    """Lower an invoice by what its subscription's discounts give; prorations are left as they are."""
    lines = [line for line in invoice["lines"]["data"] if line["discountable"]]
    left = sum(line["amount"] for line in lines)
    for discount_id in subscription["discounts"]:
        coupon = _coupon(account, account.find("discount", discount_id))
        amount = min(left, amount_of(coupon, left))
        account.given.add(discount_id)
        invoice["total_discount_amounts"].append({"amount": amount, "discount": discount_id})
        left -= amount
    total = sum(one["amount"] for one in invoice["total_discount_amounts"])
    due = max(0, invoice["subtotal"] - total)
    invoice.update(
        discounts=list(subscription["discounts"]),
        total=invoice["subtotal"] - total,
        total_excluding_tax=invoice["subtotal"] - total,
        amount_due=due,
        amount_remaining=due,
    )


def amount_of(coupon: Json, amount: int) -> int:
    """What it takes off an amount: percents are rounded half up."""
    if coupon["percent_off"] is not None:
        return int(amount * coupon["percent_off"] / 100 + 0.5)
    return int(coupon["amount_off"])


def _redeem(account: Account, subscription: Json, coupon: Json) -> str:
    if not coupon["valid"]:
        raise impossible(f"Coupon {coupon['id']} cannot be redeemed any more.", "coupon_expired", "coupon")
    months = coupon["duration_in_months"]
    end = in_months(account.now, months) if coupon["duration"] == "repeating" else None
    discount = account.add(new_discount(account, subscription, coupon, end))
    coupon["times_redeemed"] += 1
    account.emit("customer.discount.created", discount)
    return str(discount["id"])


def _coupon(account: Account, discount: Json) -> Json:
    return account.find("coupon", discount["source"]["coupon"])
