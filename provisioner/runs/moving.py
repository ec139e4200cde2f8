"""Writing down that a customer's server is to be in another region, when nothing speaks against it."""

from dataclasses import dataclass

from provisioner.actor import actor
from provisioner.customers.done import is_complete
from provisioner.customers.handing_over import is_handing_over
from provisioner.customers.leaving import is_leaving
from provisioner.customers.lifecycle import has_left
from provisioner.customers.moving import goes_on, is_moving
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.customers.versions import is_older
from provisioner.customers.wanted import wanted_of
from provisioner.errors import InputError
from provisioner.printable import command
from provisioner.runs.admission import demand_allowed
from provisioner.runs.workflow import MOVE
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.settings import Settings
from provisioner.ssh.keys import operator_key
from provisioner.steps.droplet.preflight import preflight
from provisioner.steps.moving.server import wish_for_move
from provisioner.steps.moving.step import DOING
from provisioner.steps.resizing import priced
from provisioner.timestamps import now


@dataclass(frozen=True)
class MoveWish:
    """Where to, and how many days the old server stays."""

    region: str
    grace_days: int


def ask_to_move(
    store: CustomerStore, cloud: DigitalOcean, settings: Settings, who: str, wish: MoveWish
) -> Customer:
    """The customer, in whose record it is; one that is under way goes on.

    Nothing is written for who is there already. InputError if it cannot be: they are not set up, are paused,
    are leaving, or their server cannot be made there; CloudError if that cannot be asked.
    """
    customer = demand_allowed(MOVE, store.find(who), DOING)
    move = customer.setup.move
    if has_left(customer.status) and (move is None or is_moving(customer)):
        raise _refused(customer, f"the status is {customer.status}", None)
    if move is not None:
        if move.region != wish.region:
            cause = f"they are being moved to {move.region}, or their old server still has its grace"
            raise _refused(customer, cause, f"finish that first: {goes_on(customer)}")
        return customer
    if customer.setup.droplet.region == wish.region and is_complete(customer):
        return customer
    _demand_movable(customer, settings)
    droplet = wish_for_move(customer, settings, wish.region)
    problems = preflight(cloud, [droplet], operator_key(settings.ssh.key).public)
    if problems:
        hint = "\n".join(map(str, problems))
        raise _refused(customer, f"no server can be made in {wish.region}", hint)
    asked = {"requestedAt": now(), "by": actor(), "region": wish.region, "graceDays": wish.grace_days}
    with store.edit(who, DOING) as record:
        record.set("setup.move", asked)
        words = (
            f"To {wish.region}, to a second {priced(cloud, droplet.size)}; "
            f"the old one stays {wish.grace_days} days after that"
        )
        record.add_event("move_requested", words, by=actor())
    return record.customer


def ask_to_stay_there(store: CustomerStore, who: str) -> Customer:
    """The same for who is to stay where they are: only until the customer is on the new server."""
    with store.edit(who, "undo the move") as record:
        customer = record.customer
        move = customer.setup.move
        if move is None:
            return customer
        if move.switched_at is not None:
            cause = "the customer is on the new server already"
            raise InputError("undo the move", whom=customer.email, cause=cause, hint=goes_on(customer))
        if move.undo_at is None:
            record.set("setup.move.undoAt", now())
            record.add_event("move_undo_requested", "The server is to stay where it is", by=actor())
    return record.customer


def _demand_movable(customer: Customer, settings: Settings) -> None:
    if is_leaving(customer):
        raise _refused(customer, "they are leaving", None)
    if not is_complete(customer):
        hint = f"before they have a server: {command('update', customer.email, 'setup.droplet.region', 'R')}"
        raise _refused(customer, "their setup is not complete", hint)
    setup = customer.setup
    if any((setup.restore, setup.resize, setup.rotation, setup.upgrade)) or is_handing_over(customer):
        raise _refused(customer, "their server is being changed already", None)
    has, gets = customer.setup.moltbot.version, wanted_of(customer, settings).version.value
    if has is not None and is_older(gets, has):
        pin = command("update", customer.email, "setup.moltbot.pinnedVersion", has)
        cause = f"a new server gets version {gets}, which may not read what their {has} has written"
        raise _refused(customer, cause, pin)


def _refused(customer: Customer, cause: str, hint: str | None) -> InputError:
    return InputError(DOING, whom=customer.email, cause=cause, hint=hint)
