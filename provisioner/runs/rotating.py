"""Writing down whose secrets are to be replaced, before anything is done about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from provisioner.actor import actor
from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.done import is_done
from provisioner.customers.leaving import at
from provisioner.customers.record import Customer
from provisioner.customers.rotating import BOT_TOKEN, MODEL_KEY, asked_to_rotate, is_rotating
from provisioner.customers.store import CustomerStore, Listing
from provisioner.errors import InputError
from provisioner.messaging.registry import channel_of, known_channel
from provisioner.printable import command
from provisioner.runs.admission import demand_allowed
from provisioner.runs.behind import has_what_is_applied
from provisioner.runs.workflow import Workflow
from provisioner.timestamps import moment, order

_REQUESTED: Final = "rotation_requested"


@dataclass(frozen=True)
class Asked:
    """Whose secret is to be replaced, and whether that was asked for before and is gone on with."""

    customers: tuple[str, ...]
    goes_on: bool


def ask_to_rotate(
    store: CustomerStore,
    who: str,
    workflow: Workflow,
    kind: str,
    clock: Clock = SYSTEM_CLOCK,
    *,
    begun: datetime | None = None,
) -> Customer:
    """The customer, in whose record it is when this returns; `begun` is when it was, for all together.

    InputError for one who has no assistant, is paused, or has left; and while another secret of theirs is
    being replaced.
    """
    customer = demand_allowed(workflow, store.find(who), workflow.doing)
    if not is_done(customer, "moltbot"):
        hint = command("provision", customer.email)
        raise InputError(workflow.doing, whom=customer.email, cause="nothing is installed", hint=hint)
    with store.edit(who, workflow.doing) as record:
        if kind == MODEL_KEY:
            _demand_own_key(record.customer, workflow.doing)
        old = _credential(record.customer, workflow.doing) if kind == BOT_TOKEN else None
        fields = asked_to_rotate(record.customer, kind, actor(), begun or at(clock.time()), old)
        record.update(fields)
        if fields:
            record.add_event(_REQUESTED, _words(kind), by=actor())
    return record.customer


def _demand_own_key(customer: Customer, doing: str) -> None:
    own = customer.setup.model_key
    if own.hash is None:
        cause = "they have no key of their own: their assistant uses ANTHROPIC_API_KEY"
        hint = f"put another one there, then {command('apply', customer.email)}"
        raise InputError(doing, whom=customer.email, cause=cause, hint=hint)
    if own.stopped:
        hint = command("model-key", customer.email, options="--start")
        raise InputError(doing, whom=customer.email, cause="it is stopped", hint=hint)


def _credential(customer: Customer, doing: str) -> str:
    found = channel_of(customer).credential(customer)
    if not found:
        hint = command("provision", customer.email)
        raise InputError(doing, whom=customer.email, cause="they have no bot yet", hint=hint)
    return found


def ask_everybody_to_rotate(
    store: CustomerStore,
    workflow: Workflow,
    kind: str,
    broken: Callable[[Listing[Customer]], object],
    *,
    again: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> Asked:
    """The same for all who have an assistant that runs; `broken` is told what cannot be read.

    If it was asked for before and is not done for all of them yet, only for those who are left, unless it is
    to be done `again`: whose secret has been replaced since it was begun keeps it.
    """
    there = list(_rotatable(store, kind, broken))
    asked = [one.setup.rotation.requested_at for one in there if one.setup.rotation]
    since = None if again else min(asked, key=order, default=None)
    # Who was never asked belongs to them, too: whoever asked may have been killed over it.
    left = [one for one in there if since is None or not _is_done_since(one, kind, since)]
    left.sort(key=lambda one: not is_rotating(one, kind))
    begun = at(clock.time()) if since is None else moment(since)
    for one in left:
        ask_to_rotate(store, one.id, workflow, kind, begun=begun)
    return Asked(tuple(one.email for one in left), goes_on=since is not None)


def _is_done_since(customer: Customer, kind: str, since: str) -> bool:
    """Whether it was asked for then or later, and nothing of it is left to do."""
    asked = (
        event.event == _REQUESTED and event.details == _words(kind) and order(event.timestamp) >= order(since)
        for event in customer.timeline
    )
    return not is_rotating(customer, kind) and any(asked)


def _words(kind: str) -> str:
    return f"The {kind} is to be replaced"


def _rotatable(
    store: CustomerStore, kind: str, broken: Callable[[Listing[Customer]], object]
) -> Iterator[Customer]:
    for listing in store.all():
        if listing.customer is None:
            broken(listing)
        elif has_what_is_applied(listing.customer) and _may_rotate(listing.customer, kind):
            yield listing.customer


def _may_rotate(customer: Customer, kind: str) -> bool:
    """Whether they have one, and no other secret of theirs is being replaced."""
    is_free = customer.setup.rotation is None or is_rotating(customer, kind)
    own = customer.setup.model_key
    has_one = {BOT_TOKEN: _has_credential(customer), MODEL_KEY: own.hash is not None and not own.stopped}
    return is_free and has_one.get(kind, True)


def _has_credential(customer: Customer) -> bool:
    channel = known_channel(customer)
    return channel is not None and bool(channel.credential(customer))
