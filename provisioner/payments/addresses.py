"""Has Stripe know the new address of a customer whose address was changed here."""

from provisioner.actor import actor
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.errors import StripeError
from provisioner.failpoints import failpoint
from provisioner.printable import command
from provisioner.services.stripe.client import Stripe
from provisioner.services.stripe.errors import NothingThere

_DOING = "change the address at Stripe"


def tell_address(store: CustomerStore, api: Stripe, who: str) -> bool:
    """Do what the record says is due; False if nothing is. It may be repeated: Stripe takes it once.

    StripeError if it could not be done, which is then still due.
    """
    customer = store.find(who).record.customer
    due = customer.subscription.address_due
    if due is None:
        return False
    try:
        api.set_email(_at_stripe(api, customer), due.email, due.key)
    except NothingThere as problem:
        nothing = command("update", customer.email, "subscription.addressDue", "null")
        hint = f"change it at Stripe by hand; then {nothing}"
        raise StripeError(_DOING, whom=customer.email, cause=problem.cause, hint=hint) from None
    failpoint("before note the address at Stripe")
    with store.edit(customer.id, _DOING) as record:
        # Another change may be due by now, or Stripe's event may have said it already.
        if record.customer.subscription.address_due == due:
            record.set("subscription.addressDue", None)
            details = f"At Stripe the address is {due.email} now"
            record.add_event("stripe_address_changed", details, by=actor())
    failpoint("after note the address at Stripe")
    return True


def _at_stripe(api: Stripe, customer: Customer) -> str:
    """The customer's id there, which somebody who was added by hand has in their subscription alone."""
    held = customer.subscription
    if held.stripe_customer_id:
        return held.stripe_customer_id
    assert held.stripe_subscription_id, "whoever has noted it has looked"
    return str(api.subscription(held.stripe_subscription_id)["customer"])
