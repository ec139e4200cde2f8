"""What outside events carry, and which customers it means: ids of bots, people, droplets, and of Stripe."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from provisioner.customers.record import Customer

Key = Literal["bot", "user", "link code", "droplet", "subscription", "stripe customer", "awaits"]
"""Whose id a value is, the person's being theirs on the platform; or that it is the code of their link.

An event may also mean whoever `awaits` something: with a link and without a bot, they await one.
"""

AWAITS_BOT: tuple[Key, str] = ("awaits", "bot")


def keys_of(customer: "Customer") -> Iterator[tuple[Key, str]]:
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
    for one in subscription.known:
        yield "subscription", one.id
        if one.stripe_customer_id:
            yield "stripe customer", one.stripe_customer_id
    if messaging.link is not None and not messaging.bot_id:
        yield AWAITS_BOT


def is_one_of(customer: "Customer", wanted: Collection[tuple[Key, str]]) -> bool:
    """Whether any of these values means the customer."""
    return any(key in wanted for key in keys_of(customer))
