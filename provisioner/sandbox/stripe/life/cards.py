"""The card that a customer pays with."""

from provisioner.sandbox.stripe.account import Account, Behavior, Json
from provisioner.sandbox.stripe.errors import card_declined
from provisioner.sandbox.stripe.shapes.people import REFUSED_CARDS, TEST_CARDS, new_card


def card_of(account: Account, subscription: Json) -> Json | None:
    """The subscription's own, or else the customer's."""
    customer = account.find("customer", subscription["customer"])
    named = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    return account.find("payment_method", named) if named else None


def attached(account: Account, customer: Json, named: str) -> Json:
    """The payment method of this id, now the customer's; one of Stripe's test cards becomes a new one."""
    if named in REFUSED_CARDS:
        raise card_declined()
    if named not in account.table("payment_method") and named.startswith("pm_card_"):
        card = account.add(new_card(account, customer, TEST_CARDS.get(named, "pays")))
        account.emit("payment_method.attached", card)
        return card
    card = account.find("payment_method", named, param="payment_method")
    if card["customer"] != customer["id"]:
        card["customer"] = customer["id"]
        account.emit("payment_method.attached", card)
    return card


def give_card(account: Account, customer: Json, behavior: Behavior = "pays") -> Json:
    """A new card, from now on the one that this customer pays with, also for their subscriptions."""
    card = account.add(new_card(account, customer, behavior))
    account.emit("payment_method.attached", card)
    with account.changing(customer, "customer.updated"):
        customer["invoice_settings"]["default_payment_method"] = card["id"]
    for subscription in account.all("subscription"):
        if subscription["customer"] == customer["id"] and subscription["default_payment_method"]:
            with account.changing(subscription, "customer.subscription.updated"):
                subscription["default_payment_method"] = card["id"]
    return card
