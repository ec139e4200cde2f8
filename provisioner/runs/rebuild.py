"""A new server for a customer whose droplet is gone: what the record says of the lost one is cleared.

The droplet itself is nobody's business here: one that exists is never touched, and the operator is told what
would be lost with it.
"""

from dataclasses import dataclass

from provisioner.actor import actor
from provisioner.customers.done import is_complete
from provisioner.customers.moving import second_id
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.droplets.identity import name_of, tag_of
from provisioner.errors import CloudError, InputError
from provisioner.printable import command
from provisioner.runs.admission import demand_allowed
from provisioner.runs.workflow import PROVISION
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import NotFound
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.steps.droplet.cleared import changed_by, without_droplet

_DOING = "rebuild the server"
_READY = ("onboarding_complete", "rebuild_complete")
_IN_A_MINUTE = "run the same command again in a minute"


@dataclass(frozen=True)
class LostDroplet:
    """The droplet that the record had."""

    id: str
    ip: str | None


def clear_lost(
    store: CustomerStore, cloud: DigitalOcean, who: str, *, force: bool = False
) -> LostDroplet | None:
    """Have the record say that the customer has no server, if the cloud says that theirs is gone.

    One event keeps what was lost. None if there is nothing to clear, because an earlier call has: then a run
    goes on as it is.
    InputError if the droplet exists, if another one is the customer's by its name or tag, for customers who
    have gone, and, unless forced, if nothing shows that the token is of the account in which the droplet
    was; CloudError if that cannot be asked; BusyError while a run is at work.
    """
    customer = demand_allowed(PROVISION, store.find(who), _DOING)
    with store.claim(who, doing=f"rebuild the server of {customer.email}"):
        customer = store.read(who).customer
        droplet_id = customer.setup.droplet.id
        if droplet_id is None:
            return None
        droplet = _droplet(cloud, droplet_id)
        if droplet is not None and _is_under_way(customer):
            return None
        _demand_droplet_gone(customer, droplet)
        _demand_no_other(cloud, customer)
        if not force:
            _demand_right_account(cloud, customer)
        lost = LostDroplet(droplet_id, customer.setup.droplet.ip)
        with store.edit(customer.id, _DOING) as record:
            record.update(changed_by(record, without_droplet(record.customer)))
            where = f" ({lost.ip})" if lost.ip else ""
            record.add_event(
                "droplet_lost", f"DO droplet {lost.id}{where} is gone; another takes its place", by=actor()
            )
    return lost


def _droplet(cloud: DigitalOcean, droplet_id: str) -> DropletInfo | None:
    try:
        return cloud.droplet(droplet_id)
    except NotFound:
        return None


def _is_under_way(customer: Customer) -> bool:
    """Whether the record's droplet is the one that takes the place of a lost one, and is not ready yet."""
    events = [event.event for event in customer.timeline if event.event in ("droplet_lost", *_READY)]
    return not is_complete(customer) and events[-1:] == ["droplet_lost"]


def _demand_droplet_gone(customer: Customer, droplet: DropletInfo | None) -> None:
    if droplet is None:
        return
    raise _refused(
        customer,
        f"{_described(droplet)} exists, and all that the assistant knows is on it and nowhere else",
        f"to mend what is on it: {command('provision', customer.email)}; if it shall go with all that is on "
        f"it, delete it in the DigitalOcean control panel, then {command('rebuild', customer.email)}",
    )


def _demand_no_other(cloud: DigitalOcean, customer: Customer) -> None:
    """An answer that it is unknown is believed only if no list shows it, or another of this customer."""
    listed = cloud.droplets_tagged(tag_of(customer.id)) + cloud.find_droplets(name_of(customer.id))
    second = second_id(customer)
    for droplet in (one for one in listed if one.id not in second):
        if droplet.id == customer.setup.droplet.id:
            cause = f"asked for droplet {droplet.id} DigitalOcean knows none, but lists it"
            raise CloudError(_DOING, whom=customer.email, cause=cause, hint=_IN_A_MINUTE, retry=True)
        hint = f"if it is the customer's: {command('adopt', customer.email, droplet.id)}"
        raise _refused(customer, f"{_described(droplet)} is this customer's by its name or tag", hint)


def _demand_right_account(cloud: DigitalOcean, customer: Customer) -> None:
    """In another account every droplet is unknown; a tag stays when the last droplet with it has gone."""
    if cloud.has_tag(tag_of(customer.id)):
        return
    raise _refused(
        customer,
        f"droplet {customer.setup.droplet.id} is not in this account, and nothing shows that it ever was: "
        f"there is no tag {tag_of(customer.id)}",
        "see that DIGITALOCEAN_ACCESS_TOKEN is of the right account; if it is: "
        + command("rebuild", customer.email, options="--force"),
    )


def _described(droplet: DropletInfo) -> str:
    where = f" at {droplet.public_ipv4}" if droplet.public_ipv4 else ""
    return (
        f"droplet {droplet.id} ({droplet.name}, {droplet.status}, {droplet.size} in {droplet.region}{where})"
    )


def _refused(customer: Customer, cause: str, hint: str) -> InputError:
    return InputError(_DOING, whom=customer.email, cause=cause, hint=hint)
