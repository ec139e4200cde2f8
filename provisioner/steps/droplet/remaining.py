"""What a customer who leaves still costs: a droplet runs, and is paid for, until somebody destroys it."""

from contextlib import suppress
from dataclasses import dataclass

from provisioner.customers.record import Customer
from provisioner.droplets.identity import name_of, tag_of
from provisioner.errors import CloudError, InputError
from provisioner.printable import command
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import NotFound
from provisioner.services.digitalocean.models import DropletInfo

PATIENCE_SECONDS = 15.0
"""How long the cloud is asked for an answer before the operator is told that there is none."""


@dataclass(frozen=True)
class Remaining:
    """A droplet that is there although its customer leaves; `monthly` in dollars, None if it is not known."""

    droplet: str
    address: str | None
    size: str
    monthly: float | None

    def __str__(self) -> str:
        where = f" ({self.address})" if self.address else ""
        cost = f"${self.monthly:g} a month" if self.monthly is not None else "what its size costs"
        return (
            f"droplet {self.droplet}{where}, {self.size}, still exists and costs {cost} until it is destroyed"
        )


def remaining_droplet(cloud: DigitalOcean, customer: Customer) -> Remaining | None:
    """The customer's droplet as the cloud has it; None if there is none (any more). CloudError."""
    found = _found(cloud, customer)
    if found is None:
        return None
    prices = {size.slug: size.monthly for size in cloud.sizes()}
    return Remaining(found.id, found.public_ipv4, found.size, prices.get(found.size))


def refuse_while_remaining(cloud: DigitalOcean, customer: Customer) -> None:
    """InputError with what the droplet costs and what to do, if there is one or if that cannot be asked."""
    doing, email = "archive the customer", customer.email
    force = command("archive", email, options="--force")
    try:
        remaining = remaining_droplet(cloud, customer)
    except CloudError as problem:
        raise InputError(
            doing,
            whom=email,
            cause=f"whether their droplet still exists could not be asked: {problem.cause}",
            hint=f"run the same command again; without asking: {force}",
        ) from problem
    if remaining is not None:
        raise InputError(
            doing,
            whom=email,
            cause=str(remaining),
            hint=f"to have them leave, with a last backup: {command('cancel', email)}\n"
            f"to archive them and keep paying for it: {force}",
        )


def _found(cloud: DigitalOcean, customer: Customer) -> DropletInfo | None:
    droplet = customer.setup.droplet
    if droplet.id is not None:
        with suppress(NotFound):
            return cloud.droplet(droplet.id)
    # The id may be a wrong one, and one that was asked for may have come although no answer was written.
    listed = cloud.find_droplets(droplet.name or name_of(customer.id))
    return next(iter(listed or cloud.droplets_tagged(tag_of(customer.id))), None)
