"""Coupons."""

from typing import Literal

from pydantic import Field

from provisioner.sandbox.stripe.account import Json
from provisioner.sandbox.stripe.call import Call, Endpoint, retrieve
from provisioner.sandbox.stripe.errors import impossible, invalid
from provisioner.sandbox.stripe.forms import Form, ListForm, Metadata, Text, merged
from provisioner.sandbox.stripe.lists import listing
from provisioner.sandbox.stripe.shapes.discounts import new_coupon


class CouponForm(Form):
    id: str | None = None
    percent_off: float | None = Field(default=None, gt=0, le=100)
    amount_off: int | None = Field(default=None, gt=0)
    currency: str | None = None
    duration: Literal["forever", "once", "repeating"] = "once"
    duration_in_months: int | None = Field(default=None, ge=1)
    name: Text = None
    metadata: Metadata = None


class DiscountForm(Form):
    """Where another object takes coupons."""

    coupon: str


def _create(call: Call[CouponForm]) -> Json:
    account, form = call.account, call.form
    if (form.percent_off is None) == (form.amount_off is None):
        raise invalid("You must pass either percent_off or amount_off.")
    if form.amount_off is not None and form.currency is None:
        raise invalid("You must pass currency when passing amount_off.", param="currency")
    if (form.duration == "repeating") != (form.duration_in_months is not None):
        raise invalid("duration_in_months goes with the duration `repeating`.", param="duration_in_months")
    if form.id in account.table("coupon"):
        raise impossible("Coupon already exists.", "resource_already_exists")
    coupon = new_coupon(
        account,
        percent_off=form.percent_off,
        amount_off=form.amount_off,
        currency=form.currency,
        duration=form.duration,
        months=form.duration_in_months,
        coupon_id=form.id,
    )
    coupon.update(name=form.name, metadata=merged({}, form.metadata))
    account.add(coupon)
    account.emit("coupon.created", coupon)
    return coupon


def _delete(call: Call[Form]) -> Json:
    """Nobody gets it any more; whoever has it keeps it."""
    coupon = call.the("coupon")
    coupon["valid"] = False
    call.account.emit("coupon.deleted", coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


ENDPOINTS = (
    Endpoint("POST", "coupons", CouponForm, _create),
    Endpoint("DELETE", "coupons/{id}", Form, _delete),
    retrieve("coupon", "coupons"),
    listing("coupon", "coupons", ListForm),
)
