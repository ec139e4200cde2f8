"""Customers whose server is to be in another region: until the old one is gone they have two."""

from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.printable import command
from provisioner.timestamps import moment

if TYPE_CHECKING:
    from provisioner.customers.parts.setup import Droplet
    from provisioner.customers.record import Customer


def is_moving(customer: "Customer") -> bool:
    """Whether the assistant is not on its new server yet, or not seen to answer there."""
    move = customer.setup.move
    return move is not None and move.proven_at is None


def may_stand_still(customer: "Customer") -> bool:
    """Whether the assistant may be stopped, because it is on its way."""
    move = customer.setup.move
    return move is not None and move.prepared_at is not None and move.proven_at is None


def goes_on(customer: "Customer") -> str:
    """The command that goes on with it."""
    move = customer.setup.move
    assert move is not None, "only of who is being moved"
    return command("move", customer.email, options=f"--region {move.region}")


def second_droplet(customer: "Customer") -> "Droplet | None":
    """The server that the customer has besides the one that is theirs: the next one, or the one before."""
    move = customer.setup.move
    if move is None:
        return None
    if move.from_ is not None:
        return move.from_
    return move.droplet if move.droplet.id or move.droplet.requested_at else None


def second_id(customer: "Customer") -> frozenset[str]:
    """Its id, if it has one."""
    second = second_droplet(customer)
    return frozenset({second.id}) if second is not None and second.id else frozenset()


def next_moving_moment(customer: "Customer") -> datetime | None:
    """When there is something to do again, which may be past; None if there is not."""
    move = customer.setup.move
    if move is None:
        return None
    return moment(move.destroy_at or move.requested_at)
