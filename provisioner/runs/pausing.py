"""Writing down that a customer's assistant is to be paused, or to go on, before anything is done about it."""

from collections.abc import Mapping

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.leaving import at
from provisioner.customers.pausing import PauseWish, asked_to_go_on, asked_to_pause
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.runs.admission import demand_allowed
from provisioner.runs.workflow import PAUSE


def ask_to_pause(
    store: CustomerStore,
    who: str,
    wish: PauseWish,
    *,
    also: Mapping[str, object] | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Customer:
    """The customer, in whose record it is, with the fields `also`; on disk when this returns.

    InputError for who is archived or has left, or while it is being undone.
    """
    demand_allowed(PAUSE, store.find(who), PAUSE.doing)
    with store.edit(who, PAUSE.doing) as record:
        new = record.customer.setup.pause is None
        fields = asked_to_pause(record.customer, wish, at(clock.time()))
        record.update({**fields, **(also or {})})
        if fields:
            event = "pause_requested" if new else "pause_changed"
            until = "until they have paid" if wish.until_paid else "until it is undone"
            record.add_event(event, f"{until}; {wish.reason}" if wish.reason else until, by=wish.by)
    return record.customer


def ask_to_go_on(
    store: CustomerStore, who: str, by: str, reason: str | None = None, clock: Clock = SYSTEM_CLOCK
) -> Customer:
    """The same for the end of a pause; nothing is changed where there is none, or it was asked for."""
    with store.edit(who, "end the pause") as record:
        fields = asked_to_go_on(record.customer, at(clock.time()))
        record.update(fields)
        if fields:
            record.add_event("pause_undo_requested", reason or "The assistant is to go on", by=by)
    return record.customer
