"""Coupons, and the discounts that they give."""

from provisioner.sandbox.stripe.account import Account, Json


def new_coupon(
    account: Account,
    *,
    percent_off: float | None = None,
    amount_off: int | None = None,
    currency: str | None = None,
    duration: str = "once",
    months: int | None = None,
    coupon_id: str | None = None,
) -> Json:
    """So much off, in percent or in the currency's smallest unit: `once`, for some months, or `forever`."""
    return {
        "id": coupon_id or account.new_id("x")[2:10],
        "object": "coupon",
        "amount_off": amount_off,
        "created": account.now,
        "currency": currency,
        "duration": duration,
        "duration_in_months": months,
        "livemode": account.livemode,
        "max_redemptions": None,
        "metadata": {},
        "name": None,
        "percent_off": percent_off,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }


def new_discount(account: Account, subscription: Json, coupon: Json, end: int | None) -> Json:
    return {
        "id": account.new_id("di"),
        "object": "discount",
        "checkout_session": None,
        "customer": subscription["customer"],
        "customer_account": None,
        "end": end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": account.now,
        "subscription": subscription["id"],
        "subscription_item": None,
    }
