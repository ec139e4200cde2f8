"""How far a customer's setup is, from their record alone: what is done, and what has to happen next.

What a step leaves on a server is done for that server only, whose id stands beside it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from provisioner.customers.lifecycle import has_left
from provisioner.customers.unpaid import is_unpaid

if TYPE_CHECKING:
    from provisioner.customers.record import Customer
    from provisioner.customers.view import AnyCustomer, AnyLeaving, AnyPause, AnyUpgrade


def is_done(customer: "AnyCustomer", step: str) -> bool:
    """Whether the results of this step stand in the record, and belong to the server that is there now."""
    return _DONE[step](customer)


def steps_done(customer: "AnyCustomer") -> tuple[str, ...]:
    """The steps that are done, in their order."""
    return tuple([step for step, done in _DONE.items() if done(customer)])


def is_complete(customer: "AnyCustomer") -> bool:
    """Whether the customer has all that a setup gives them."""
    return len(steps_done(customer)) == len(STEPS)


def waits_for(customer: "AnyCustomer", done: tuple[str, ...] | None = None) -> str:
    """What has to happen next: what a person has to do, or else the next step; empty if nothing has.

    `done` are the `steps_done`, for who has them already.
    """
    if customer.leaving is not None and customer.leaving.ended_at is None:
        return _leave(customer.leaving)
    if has_left(customer.status):
        return ""
    if customer.setup.resize is not None:
        return f"their server to become {customer.setup.resize.to}"
    if customer.setup.move is not None and customer.setup.move.proven_at is None:
        return f"their server to be in {customer.setup.move.region}"
    if customer.handover is not None and customer.handover.ended_at is None:
        return str(customer.setup.waiting or "their server to be handed over")
    if customer.setup.pause is not None:
        return _pause(customer.setup.pause)
    if customer.setup.upgrade is not None:
        return _upgrade(customer.setup.upgrade)
    done = steps_done(customer) if done is None else done
    if len(done) == len(STEPS):
        return f"a payment, which is {customer.subscription.status}" if is_unpaid(customer) else ""
    if customer.setup.waiting is not None:
        return str(customer.setup.waiting)
    return next(f"step {step}" for step in STEPS if step not in done)


def _leave(leaving: "AnyLeaving") -> str:
    """What comes next of a customer's leave."""
    if leaving.undo_at is not None:
        return "their leave to be undone"
    if leaving.stopped_at is None:
        return f"the end of what is paid, {leaving.stop_at[:10]}"
    return f"the droplet's end, {(leaving.destroy_at or leaving.stopped_at)[:10]}"


def _pause(pause: "AnyPause") -> str:
    """What ends the pause of a customer's assistant."""
    if pause.undo_at is not None:
        return "their pause to end"
    end = "a payment" if pause.until_paid else "the end of their pause"
    return f"{end}, paused since {(pause.paused_at or pause.requested_at)[:10]}"


def _upgrade(upgrade: "AnyUpgrade") -> str:
    """What ends the replacement of a customer's software."""
    if upgrade.failed is not None:
        return f"the way back from {upgrade.version}"
    return f"the upgrade to {upgrade.version}"


def to_do_anew(customer: "Customer") -> dict[str, object]:
    """The fields that say that another server has nothing on it yet.

    What is the customer's stays: their bot, its token, who they are, that they were greeted.
    """
    setup = customer.setup
    fields: dict[str, object] = {}
    if setup.moltbot.installed:
        fields["setup.moltbot.installed"] = False
    if setup.messaging.connected:
        fields["setup.messaging.connected"] = False
    if setup.handoff.completed:
        fields["setup.handoff.completed"] = False
    if setup.status == "complete":
        fields["setup.status"] = "in_progress"
    return fields


def _has_server(customer: "AnyCustomer") -> bool:
    droplet = customer.setup.droplet
    return bool(droplet.id and droplet.ip and (droplet.host_key or _is_by_hand(customer, droplet.tag)))


def _has_moltbot(customer: "AnyCustomer") -> bool:
    moltbot = customer.setup.moltbot
    whole = moltbot.version or _is_by_hand(customer, moltbot.droplet_id)
    return bool(moltbot.installed and whole) and _is_there(customer, moltbot.droplet_id)


def _is_connected(customer: "AnyCustomer") -> bool:
    messaging = customer.setup.messaging
    # Older records do not say over what they were connected: then it was Telegram, with all of this.
    over = messaging.connected_over or ("telegram" if messaging.bot_username else None)
    known = over == messaging.platform_name and messaging.user_id
    whole = known or _is_by_hand(customer, messaging.droplet_id)
    return bool(messaging.connected and whole) and _is_there(customer, messaging.droplet_id)


def _has_handoff(customer: "AnyCustomer") -> bool:
    setup = customer.setup
    return (
        setup.handoff.completed
        and setup.status == "complete"
        and _is_there(customer, setup.handoff.droplet_id)
    )


def _is_there(customer: "AnyCustomer", done_on: str | None) -> bool:
    """Whether what was done on that droplet is on the one that is there now; older records name none."""
    there = customer.setup.droplet.id
    return there is not None and done_on in (None, there)


def _is_by_hand(customer: "AnyCustomer", ours: str | None) -> bool:
    """Whether a person did it and said that all is complete: `ours`, which our step writes, is not there."""
    return customer.setup.status == "complete" and ours is None


_DONE: Mapping[str, Callable[["AnyCustomer"], bool]] = {
    "droplet": _has_server,
    "moltbot": _has_moltbot,
    "messaging": _is_connected,
    "handoff": _has_handoff,
}
STEPS = tuple(_DONE)
