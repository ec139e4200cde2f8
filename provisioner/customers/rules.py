"""The rules that records keep, whatever store has them. Every store asks here before it writes."""

from collections.abc import Iterable

from provisioner.customers.record import Customer
from provisioner.errors import InputError
from provisioner.printable import command


def refuse_shared_subscription(
    doing: str, customer: Customer, subscription: str | None, everybody: Iterable[Customer]
) -> None:
    """InputError if another customer than this one has the subscription."""
    if not subscription:
        return
    holders = [
        one.email
        for one in everybody
        if one.subscription.stripe_subscription_id == subscription and one.id != customer.id
    ]
    if holders:
        raise InputError(
            doing,
            whom=customer.email,
            cause=f"{', '.join(holders)} {'has' if len(holders) == 1 else 'have'} {subscription} already",
            hint=f"{command('show', holders[0])}; --force has two customers share it",
        )
