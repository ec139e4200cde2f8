"""Invoices and their payments."""

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.call import Call, Endpoint, retrieve
from provisioner.sandbox.stripe.forms import Form, ListForm, PageForm
from provisioner.sandbox.stripe.life import invoices
from provisioner.sandbox.stripe.life.cards import attached
from provisioner.sandbox.stripe.lists import listing, page


class InvoiceList(ListForm):
    customer: str | None = None
    subscription: str | None = None
    status: str | None = None
    collection_method: str | None = None


class PayForm(Form):
    ignored = frozenset({"off_session"})

    payment_method: str | None = None


class FinalizeForm(Form):
    ignored = frozenset({"auto_advance"})


class PaymentList(ListForm):
    invoice: str | None = None
    payment: dict[str, str] | None = None
    status: str | None = None


def _wanted(call: Call[InvoiceList], invoice: Json) -> bool:
    form = call.form
    subscription = invoice["parent"]["subscription_details"]["subscription"]
    return all(
        getattr(form, name) in (None, invoice[name]) for name in ("customer", "status", "collection_method")
    ) and form.subscription in (None, subscription)


def _payment_wanted(call: Call[PaymentList], payment: Json) -> bool:
    form = call.form
    intent = (form.payment or {}).get("payment_intent")
    return (
        form.invoice in (None, payment["invoice"])
        and form.status in (None, payment["status"])
        and intent in (None, payment["payment"]["payment_intent"])
    )


def _pay(call: Call[PayForm]) -> Json:
    account, invoice = call.account, call.the("invoice")
    if call.form.payment_method:
        customer = account.find("customer", invoice["customer"])
        card = attached(account, customer, call.form.payment_method)
        return _pay_with(account, invoice, card)
    return invoices.pay(account, invoice)


def _pay_with(account: Account, invoice: Json, card: Json) -> Json:
    """With this card for once."""
    subscription = account.find("subscription", invoice["parent"]["subscription_details"]["subscription"])
    usual, subscription["default_payment_method"] = subscription["default_payment_method"], card["id"]
    try:
        return invoices.pay(account, invoice)
    finally:
        subscription["default_payment_method"] = usual


def _finalize(call: Call[FinalizeForm]) -> Json:
    return invoices.finalize(call.account, call.the("invoice"))


def _void(call: Call[Form]) -> Json:
    return invoices.void(call.account, call.the("invoice"))


def _write_off(call: Call[Form]) -> Json:
    return invoices.write_off(call.account, call.the("invoice"))


def _lines(call: Call[PageForm]) -> Json:
    invoice = call.the("invoice")
    return page(call, invoice["lines"]["url"], list(reversed(invoice["lines"]["data"])))


ENDPOINTS = (
    retrieve("invoice", "invoices"),
    listing("invoice", "invoices", InvoiceList, _wanted),
    Endpoint("GET", "invoices/{id}/lines", PageForm, _lines),
    Endpoint("POST", "invoices/{id}/pay", PayForm, _pay),
    Endpoint("POST", "invoices/{id}/finalize", FinalizeForm, _finalize),
    Endpoint("POST", "invoices/{id}/void", Form, _void),
    Endpoint("POST", "invoices/{id}/mark_uncollectible", Form, _write_off),
    retrieve("invoice_payment", "invoice_payments"),
    listing("invoice_payment", "invoice_payments", PaymentList, _payment_wanted),
)
