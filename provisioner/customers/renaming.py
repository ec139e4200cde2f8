"""A customer's address becomes another one: in the record, in the name of its file, and in its history."""

import os

from provisioner.customers.addresses import checked_address, fold
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.errors import UnknownCustomer
from provisioner.timestamps import now

EVENT = "address_changed"
_DOING = "change the address"


def rename(store: CustomerStore, who: str, address: str, by: str, *, stripe_too: bool = False) -> Customer:
    """The customer under their new address; done twice, or after a kill, it ends the same.

    With `stripe_too` it is noted in the same write that Stripe has to be told (`subscription.addressDue`).

    InputError if the address is none or another customer's, UnknownCustomer, and BusyError while a run is at
    work on them.
    """
    address = checked_address(address)
    before = _found(store, who, address)
    with store.claim(before.id, doing=f"{_DOING} of {before.email}"):
        # Without a change it gives the file the name that a kill has kept from it.
        with store.edit(before.id, _DOING) as record:
            old = record.customer.email
            if old != address:
                due = _due_at_stripe(record.customer, address) if stripe_too else {}
                record.update({"email": address, **due})
                record.add_event(EVENT, f"{old} is {address} now", by=by)
        return record.customer


def _due_at_stripe(customer: Customer, address: str) -> dict[str, object]:
    """The fields that say that Stripe has to be told; none for who has nothing there."""
    held = customer.subscription
    if not held.stripe_customer_id and not held.stripe_subscription_id:
        return {}
    key = f"rename-{customer.id}-{os.urandom(6).hex()}"
    return {"subscription.addressDue": {"email": address, "key": key, "since": now()}}


def _found(store: CustomerStore, who: str, address: str) -> Customer:
    try:
        return store.read(who).customer
    except UnknownCustomer:
        customer = _already(store, who, address)
        if customer is None:
            raise
        return customer


def _already(store: CustomerStore, who: str, address: str) -> Customer | None:
    """The customer with the new address, if the old one was theirs."""
    try:
        customer = store.read(address).customer
    except UnknownCustomer:
        return None
    changes = [event.details or "" for event in customer.timeline if event.event == EVENT]
    return customer if any(fold(text).startswith(f"{fold(who)} is ") for text in changes) else None
