"""Writing down that a customer is to leave, or to stay, before anything is done about it."""

from collections.abc import Mapping

from provisioner.actor import actor
from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.leaving import Wish, asked_to_leave, asked_to_stay, at, is_leaving
from provisioner.customers.parts.departure import Leaving
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore

_DOING = "have the customer leave"


def ask_to_leave(
    store: CustomerStore,
    who: str,
    wish: Wish,
    clock: Clock = SYSTEM_CLOCK,
    *,
    also: Mapping[str, object] | None = None,
) -> Customer:
    """The customer, in whose record it is, with the fields `also`; on disk when this returns.

    InputError where it cannot be. Of one who has left already nothing is changed.
    """
    found = store.find(who)
    if found.archived and found.record.customer.leaving is not None:
        return found.record.customer
    with store.edit(who, _DOING) as record:
        new = not is_leaving(record.customer)
        fields = asked_to_leave(record.customer, wish, at(clock.time()))
        record.update({**fields, **(also or {})})
        leaving = record.customer.leaving
        if fields and leaving is not None:
            event = "cancellation_requested" if new else "cancellation_changed"
            record.add_event(event, _described(leaving), by=wish.by)
    return record.customer


def ask_to_stay(store: CustomerStore, who: str, clock: Clock = SYSTEM_CLOCK) -> Customer:
    """The same for who is to stay after all."""
    with store.edit(who, "undo the cancellation") as record:
        fields = asked_to_stay(record.customer, at(clock.time()))
        record.update(fields)
        if fields:
            record.add_event("cancellation_undo_requested", "The customer is to stay", by=actor())
    return record.customer


def _described(leaving: Leaving) -> str:
    backup = "no backup" if leaving.without_backup else "a last backup"
    stops = f"The assistant stops at {leaving.stop_at}; {backup}, {leaving.grace_days} days of grace"
    return stops + (f"; {leaving.reason}" if leaving.reason else "")
