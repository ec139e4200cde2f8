"""Writing down that a server becomes its customer's own, before anything is done about it."""

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.handing_over import HandoverWish, asked_to_hand_over
from provisioner.customers.leaving import at
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.runs.admission import demand_allowed
from provisioner.runs.workflow import HANDOVER


def ask_to_hand_over(
    store: CustomerStore, who: str, wish: HandoverWish, clock: Clock = SYSTEM_CLOCK
) -> Customer:
    """The customer, in whose record it is when this returns.

    InputError for one whose setup is not complete, who is paused or leaves, or of whom something is being
    replaced; and for another key than the one with which it was begun.
    """
    demand_allowed(HANDOVER, store.find(who), HANDOVER.doing)
    with store.edit(who, HANDOVER.doing) as record:
        new = record.customer.handover is None
        fields = asked_to_hand_over(record.customer, wish, at(clock.time()))
        record.update(fields)
        if fields:
            event = "handover_requested" if new else "handover_changed"
            key = "with" if record.get("handover.ownModelKey") else "without"
            record.add_event(
                event, f"The server becomes the customer's own; {key} their own model key", by=wish.by
            )
    return record.customer
