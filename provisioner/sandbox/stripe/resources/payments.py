"""Payment intents, charges, refunds, disputes, and what they moved on the balance."""

from pydantic import Field

from provisioner.sandbox.stripe.account import Json
from provisioner.sandbox.stripe.call import Call, Endpoint, retrieve
from provisioner.sandbox.stripe.errors import impossible, invalid
from provisioner.sandbox.stripe.forms import Form, ListForm, Metadata, merged
from provisioner.sandbox.stripe.life import payments
from provisioner.sandbox.stripe.lists import listing


class ByCustomer(ListForm):
    customer: str | None = None


class ByCharge(ListForm):
    charge: str | None = None
    payment_intent: str | None = None


class ChargeList(ByCustomer):
    payment_intent: str | None = None


class RefundForm(Form):
    charge: str | None = None
    payment_intent: str | None = None
    amount: int | None = Field(default=None, ge=1)
    reason: str | None = Field(default=None, pattern="^(duplicate|fraudulent|requested_by_customer)$")
    metadata: Metadata = None


def _refund(call: Call[RefundForm]) -> Json:
    form = call.form
    made = payments.refund(call.account, _charge(call), form.amount, form.reason)
    made["metadata"] = merged({}, form.metadata)
    return made


def _charge(call: Call[RefundForm]) -> Json:
    account, form = call.account, call.form
    if form.charge:
        return account.find("charge", form.charge, param="charge")
    if not form.payment_intent:
        raise invalid("One of the following params should be provided: payment_intent or charge.")
    intent = account.find("payment_intent", form.payment_intent, param="payment_intent")
    if intent["status"] != "succeeded":
        raise impossible("This PaymentIntent does not have a successful charge to refund.")
    return account.find("charge", intent["latest_charge"])


def _close(call: Call[Form]) -> Json:
    """The account gives in: the dispute is lost."""
    return payments.close_dispute(call.account, call.the("dispute"), won=False)


def _of_charge(call: Call[ByCharge], one: Json) -> bool:
    form = call.form
    return form.charge in (None, one["charge"]) and form.payment_intent in (None, one["payment_intent"])


ENDPOINTS = (
    retrieve("payment_intent", "payment_intents"),
    listing(
        "payment_intent",
        "payment_intents",
        ByCustomer,
        lambda call, one: call.form.customer in (None, one["customer"]),
    ),
    retrieve("charge", "charges"),
    listing(
        "charge",
        "charges",
        ChargeList,
        lambda call, one: (
            call.form.customer in (None, one["customer"])
            and call.form.payment_intent in (None, one["payment_intent"])
        ),
    ),
    Endpoint("POST", "refunds", RefundForm, _refund),
    retrieve("refund", "refunds"),
    listing("refund", "refunds", ByCharge, _of_charge),
    retrieve("dispute", "disputes"),
    listing("dispute", "disputes", ByCharge, _of_charge),
    Endpoint("POST", "disputes/{id}/close", Form, _close),
    retrieve("balance_transaction", "balance_transactions"),
)
