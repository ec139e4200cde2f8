"""Checkout sessions, and sessions of the customer portal."""

from typing import Any, Literal

from pydantic import Field

from provisioner.sandbox.stripe.account import Json
from provisioner.sandbox.stripe.call import Call, Endpoint, retrieve
from provisioner.sandbox.stripe.errors import invalid
from provisioner.sandbox.stripe.forms import Form, ListForm, Metadata, PageForm, Text, merged
from provisioner.sandbox.stripe.life import checkout
from provisioner.sandbox.stripe.lists import listing, page
from provisioner.sandbox.stripe.resources.catalog import ProductData, Recurring
from provisioner.sandbox.stripe.resources.coupons import DiscountForm
from provisioner.sandbox.stripe.shapes.catalog import new_price, new_product
from provisioner.sandbox.stripe.shapes.checkout import new_portal_session, portal_configuration, text_field


class PriceData(Form):
    currency: str
    unit_amount: int = Field(ge=0)
    product: str | None = None
    product_data: ProductData | None = None
    recurring: Recurring | None = None


class LineItem(Form):
    price: str | None = None
    price_data: PriceData | None = None
    quantity: int = Field(default=1, ge=1)


class Label(Form):
    custom: str = Field(max_length=50)
    type: Literal["custom"]


class CustomField(Form):
    ignored = frozenset({"text"})

    key: str = Field(pattern="^[A-Za-z0-9]{1,200}$")
    label: Label
    optional: bool = False
    type: Literal["text"]
    text: Any = None


class SubscriptionData(Form):
    metadata: Metadata = None
    trial_period_days: int | None = None
    trial_end: int | None = None


class SessionForm(Form):
    ignored = frozenset(
        {
            "after_expiration",
            "allow_promotion_codes",
            "automatic_tax",
            "billing_address_collection",
            "consent_collection",
            "custom_text",
            "customer_update",
            "locale",
            "payment_method_collection",
            "phone_number_collection",
            "submit_type",
            "tax_id_collection",
        }
    )

    mode: Literal["subscription"]
    line_items: list[LineItem] = Field(min_length=1)
    success_url: str | None = None
    cancel_url: str | None = None
    client_reference_id: Text = None
    customer: str | None = None
    customer_email: Text = None
    custom_fields: list[CustomField] = Field(default=[], max_length=3)
    expires_at: int | None = None
    metadata: Metadata = None
    subscription_data: SubscriptionData = SubscriptionData()
    discounts: list[DiscountForm] = Field(default=[], max_length=1)


class SessionList(ListForm):
    customer: str | None = None
    customer_details: dict[Literal["email"], str] | None = None
    payment_link: str | None = None
    status: str | None = None
    subscription: str | None = None


class PortalForm(Form):
    customer: str
    return_url: Text = None
    configuration: str | None = None
    flow_data: dict[str, Any] | None = None
    locale: str | None = None


def _create(call: Call[SessionForm]) -> Json:
    account, form = call.account, call.form
    if form.customer and form.customer_email:
        raise invalid("You may only specify one of these parameters: customer, customer_email.")
    if form.customer:
        account.find("customer", form.customer, param="customer")
    session = checkout.open_session(
        account,
        [(_price(call, line), line.quantity) for line in form.line_items],
        form.subscription_data.model_dump(exclude={"expand"}),
        **form.model_dump(
            include={"success_url", "cancel_url", "client_reference_id", "customer", "customer_email"}
        ),
    )
    coupons = [account.find("coupon", one.coupon, "discounts[0][coupon]") for one in form.discounts]
    checkout.discount(session, coupons)
    session["metadata"] = merged({}, form.metadata)
    session["expires_at"] = form.expires_at or session["expires_at"]
    session["custom_fields"] = [
        text_field(one.key, one.label.custom, optional=one.optional) for one in form.custom_fields
    ]
    return session


def _price(call: Call[SessionForm], line: LineItem) -> Json:
    account = call.account
    if line.price:
        return account.find("price", line.price, param="line_items[0][price]")
    data = line.price_data
    if data is None or data.recurring is None:
        raise invalid("Missing required param: line_items[0][price].", "line_items[0][price]")
    if data.product:
        product = account.find("product", data.product, param="line_items[0][price_data][product]")
    else:
        product = account.add(new_product(account, data.product_data.name if data.product_data else "Plan"))
    made = new_price(
        account,
        product["id"],
        unit_amount=data.unit_amount,
        currency=data.currency,
        interval=data.recurring.interval,
        interval_count=data.recurring.interval_count,
    )
    return account.add(made)


def _expire(call: Call[Form]) -> Json:
    return checkout.expire(call.account, call.the("checkout.session"))


def _line_items(call: Call[PageForm]) -> Json:
    session = call.the("checkout.session")
    lines = call.account.table("line_items")[session["id"]]["data"]
    return page(call, f"/v1/checkout/sessions/{session['id']}/line_items", list(reversed(lines)))


def _wanted(call: Call[SessionList], session: Json) -> bool:
    form = call.form
    email = (form.customer_details or {}).get("email")
    return all(
        getattr(form, name) in (None, session[name])
        for name in ("customer", "payment_link", "status", "subscription")
    ) and email in (None, (session["customer_details"] or {}).get("email"))


def _portal(call: Call[PortalForm]) -> Json:
    call.account.find("customer", call.form.customer, param="customer")
    flow = call.form.flow_data
    return call.account.add(
        new_portal_session(call.account, call.form.customer, call.form.return_url, flow and _flow(flow))
    )


def _flow(data: dict[str, Any]) -> Json:
    nothing = dict.fromkeys(
        (
            "customer_update",
            "subscription_cancel",
            "subscription_pause",
            "subscription_update",
            "subscription_update_confirm",
        )
    )
    ending = {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"}
    return {**nothing, "after_completion": ending, **data}


def _configurations(call: Call[PageForm]) -> Json:
    return page(call, "/v1/billing_portal/configurations", [portal_configuration(call.account)])


ENDPOINTS = (
    Endpoint("POST", "checkout/sessions", SessionForm, _create),
    Endpoint("POST", "checkout/sessions/{id}/expire", Form, _expire),
    Endpoint("GET", "checkout/sessions/{id}/line_items", PageForm, _line_items),
    retrieve("checkout.session", "checkout/sessions"),
    listing("checkout.session", "checkout/sessions", SessionList, _wanted),
    Endpoint("POST", "billing_portal/sessions", PortalForm, _portal),
    Endpoint("GET", "billing_portal/configurations", PageForm, _configurations),
)
