"""Whether the droplet in a record is still there, and still where the record has it."""

from collections.abc import Callable
from contextlib import suppress

from provisioner.customers.record import Customer
from provisioner.customers.resizing import goes_on, is_resizing
from provisioner.printable import command
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import (
    CloudCallError,
    DropletFailed,
    DropletGone,
    DropletOff,
    NotFound,
)
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.settings import Settings


def demand_there(cloud: DigitalOcean, customer: Customer) -> None:
    """Ask the cloud about a server that does not answer, or shows another host key; one request.

    DropletGone or DropletFailed where that explains it, with what to do; other CloudErrors if the cloud
    cannot be asked. Nothing if the record has no droplet.
    """
    droplet_id = customer.setup.droplet.id
    if droplet_id is None:
        return
    try:
        droplet = cloud.droplet(droplet_id)
    except NotFound:
        raise droplet_gone(customer) from None
    _demand_running(customer, droplet)
    _demand_same_address(customer, droplet)


def explain_silence(settings: Settings, cloud: Callable[[], DigitalOcean], customer: Customer) -> None:
    """The same for who has another error to report: a cloud that cannot be asked now explains nothing."""
    if settings.digitalocean_token is None:
        return
    with suppress(CloudCallError):
        demand_there(cloud(), customer)


def droplet_gone(customer: Customer) -> DropletGone:
    """The error for a droplet that the account does not have (any more)."""
    return DropletGone(
        customer.email,
        f"droplet {customer.setup.droplet.id} is gone: it is not in the account that the token belongs to",
        f"a new server in its place: {command('rebuild', customer.email)}",
    )


def _demand_running(customer: Customer, droplet: DropletInfo) -> None:
    if droplet.status in ("off", "archive"):
        hint = "switch it on in the DigitalOcean control panel, then run the same command again"
        if is_resizing(customer):
            hint = f"it is being resized: {goes_on(customer)}, then run the same command again"
        kind = DropletOff if droplet.status == "off" else DropletFailed
        raise kind(customer.email, f"droplet {droplet.id} is {droplet.status}", hint)


def _demand_same_address(customer: Customer, droplet: DropletInfo) -> None:
    recorded, now = customer.setup.droplet.ip, droplet.public_ipv4
    if recorded is None or now == recorded:
        return
    if now is None:
        cause = f"droplet {droplet.id} has no public IPv4 address any more; the record has {recorded}"
        hint = "give it one in the DigitalOcean control panel, then run the same command again"
        raise DropletFailed(customer.email, cause, hint)
    raise DropletFailed(
        customer.email,
        f"the address of droplet {droplet.id} is {now} now; the record has {recorded}, "
        "which may be another server's by now",
        f"{command('update', customer.email, 'setup.droplet.ip', now)}, then run the same command again",
    )
