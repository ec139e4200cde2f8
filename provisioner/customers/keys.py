"""What outside events carry, and which customers it means: ids of bots, people, droplets, and of Stripe."""

from collections.abc import Iterator
from typing import Literal

from provisioner.customers.record import Customer

Key = Literal["bot", "user", "link code", "droplet", "subscription", "stripe customer"]
"""Whose id a value is, the person's being theirs on the platform; or that it is the code of their link."""


def keys_of(customer: Customer) -> Iterator[tuple[Key, str]]:
    """Everything that a customer is looked up by; more than one of them may have the same."""
    messaging, subscription = customer.setup.messaging, customer.subscription
    known: tuple[tuple[Key, str | None], ...] = (
        ("bot", messaging.bot_id),
        # A token begins with its bot's id.
        ("bot", (messaging.bot_token or "").partition(":")[0]),
        ("user", messaging.user_id),
        ("link code", messaging.link.code if messaging.link else None),
        ("droplet", customer.setup.droplet.id),
        ("subscription", subscription.stripe_subscription_id),
        ("stripe customer", subscription.stripe_customer_id),
    )
    yield from ((key, value) for key, value in known if value)


def has_key(customer: Customer, key: Key, value: str) -> bool:
    """Whether the customer is one of those whom this value means."""
    return (key, value) in keys_of(customer)
