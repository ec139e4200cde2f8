"""Customers and their payment methods."""

from typing import Any

from provisioner.sandbox.stripe.account import Json
from provisioner.sandbox.stripe.call import Call, Endpoint, retrieve
from provisioner.sandbox.stripe.errors import missing
from provisioner.sandbox.stripe.forms import Form, ListForm, Metadata, Text, merged
from provisioner.sandbox.stripe.life import subscriptions
from provisioner.sandbox.stripe.life.cards import attached
from provisioner.sandbox.stripe.life.standing import FINAL
from provisioner.sandbox.stripe.lists import listing
from provisioner.sandbox.stripe.shapes.people import new_customer

_PLAIN = ("email", "name", "phone", "description")


class InvoiceSettings(Form):
    default_payment_method: Text = None


class CustomerForm(Form):
    ignored = frozenset(
        {
            "address",
            "business_name",
            "individual_name",
            "preferred_locales",
            "shipping",
            "tax",
            "tax_exempt",
            "validate",
        }
    )

    email: Text = None
    name: Text = None
    phone: Text = None
    description: Text = None
    metadata: Metadata = None
    payment_method: Text = None
    test_clock: Text = None
    invoice_settings: InvoiceSettings = InvoiceSettings()


class CustomerList(ListForm):
    email: str | None = None


class CardList(ListForm):
    customer: str | None = None
    type: str | None = None


class Attachment(Form):
    customer: str


def _create(call: Call[CustomerForm]) -> Json:
    account, form = call.account, call.form
    customer = account.add(new_customer(account, email=form.email, name=form.name, phone=form.phone))
    if form.test_clock:
        clock = account.find("test_helpers.test_clock", form.test_clock, param="test_clock")
        customer["test_clock"] = clock["id"]
    _write(call, customer)
    account.emit("customer.created", customer)
    return customer


def _update(call: Call[CustomerForm]) -> Json:
    customer = _living(call)
    with call.account.changing(customer, "customer.updated"):
        _write(call, customer)
    return customer


def _write(call: Call[CustomerForm], customer: Json) -> None:
    form = call.form
    customer.update({name: getattr(form, name) for name in _PLAIN if name in form.model_fields_set})
    customer["metadata"] = merged(customer["metadata"], form.metadata)
    if form.payment_method:
        attached(call.account, customer, form.payment_method)
    if form.invoice_settings.default_payment_method:
        card = attached(call.account, customer, form.invoice_settings.default_payment_method)
        customer["invoice_settings"]["default_payment_method"] = card["id"]


def _delete(call: Call[Form]) -> Json:
    """Their subscriptions end with them."""
    customer = _living(call)
    for subscription in call.account.all("subscription"):
        if subscription["customer"] == customer["id"] and subscription["status"] not in FINAL:
            subscriptions.cancel_now(call.account, subscription)
    call.account.emit("customer.deleted", customer)
    customer["deleted"] = True
    return _shown(customer)


def _retrieve(call: Call[Form]) -> Json:
    return _shown(call.the("customer"))


def _shown(customer: Json) -> Json:
    if not customer.get("deleted"):
        return customer
    return {"id": customer["id"], "object": "customer", "deleted": True}


def _living(call: Call[Any]) -> Json:
    customer = call.the("customer")
    if customer.get("deleted"):
        raise missing("customer", customer["id"])
    return customer


def _attach(call: Call[Attachment]) -> Json:
    customer = call.account.find("customer", call.form.customer, param="customer")
    return attached(call.account, customer, call.id)


ENDPOINTS = (
    Endpoint("POST", "customers", CustomerForm, _create),
    Endpoint("POST", "customers/{id}", CustomerForm, _update),
    Endpoint("GET", "customers/{id}", Form, _retrieve),
    Endpoint("DELETE", "customers/{id}", Form, _delete),
    listing(
        "customer",
        "customers",
        CustomerList,
        lambda call, one: not one.get("deleted") and call.form.email in (None, one["email"]),
    ),
    retrieve("payment_method", "payment_methods"),
    Endpoint("POST", "payment_methods/{id}/attach", Attachment, _attach),
    listing(
        "payment_method",
        "payment_methods",
        CardList,
        lambda call, one: call.form.customer in (None, one["customer"]),
    ),
)
