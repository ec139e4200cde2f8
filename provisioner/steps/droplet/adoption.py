"""The operator's own decision that a droplet is a customer's, where nothing could prove it."""

from collections.abc import Iterator

from provisioner.actor import actor
from provisioner.customers.done import to_do_anew
from provisioner.customers.record import Customer
from provisioner.customers.stated import checked_value
from provisioner.customers.store import CustomerStore, customers_having
from provisioner.droplets.identity import FLEET_TAG, name_of, same_key, stated_host_key, tag_of
from provisioner.errors import CloudError, InputError
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import NotFound
from provisioner.services.digitalocean.models import DropletInfo


def adopt(
    store: CustomerStore, cloud: DigitalOcean, who: str, droplet_id: str, *, host_key: str | None, force: bool
) -> DropletInfo:
    """Write this droplet into the customer's record, under their run lock; the droplet as it is.

    `host_key` is its public half where its tags do not state it. InputError for a droplet that is another
    customer's, and, unless forced, for whatever speaks against it; BusyError while a run is at work.
    """
    droplet_id = checked_value("setup.droplet.id", droplet_id)
    customer = store.read(who).customer
    with store.claim(who, doing=f"adopt droplet {droplet_id}"):
        droplet = _there(cloud, customer, droplet_id)
        _demand_free(store, customer, droplet)
        key = _host_key(customer, droplet, host_key)
        against = list(_against(cloud, customer, droplet, key))
        if against and not force:
            hint = "if it is theirs all the same, say --force"
            raise InputError("adopt the droplet", whom=customer.email, cause="; ".join(against), hint=hint)
        with store.edit(customer.id, "adopt the droplet") as record:
            record.update(_fields(customer, droplet, key))
            details = f"The operator says that DO droplet {droplet.id} is this customer's"
            record.add_event("droplet_adopted", "; ".join([details, *against]), by=actor())
    return droplet


def _there(cloud: DigitalOcean, customer: Customer, droplet_id: str) -> DropletInfo:
    try:
        return cloud.droplet(droplet_id)
    except NotFound:
        cause = f"the account that the token belongs to has no droplet {droplet_id}"
        hint = "provisioner doctor shows those that no record has"
        raise InputError("adopt the droplet", whom=customer.email, cause=cause, hint=hint) from None


def _demand_free(store: CustomerStore, customer: Customer, droplet: DropletInfo) -> None:
    for other in customers_having(store, "droplet", droplet.id):
        if other.id != customer.id:
            cause = f"droplet {droplet.id} is {other.email}'s"
            raise InputError("adopt the droplet", whom=customer.email, cause=cause)


def _host_key(customer: Customer, droplet: DropletInfo, given: str | None) -> str:
    """What the operator says goes first; a droplet without a known host key cannot be worked on."""
    known = customer.setup.droplet.host_key if customer.setup.droplet.id == droplet.id else None
    key = given or known or stated_host_key(droplet.tags, droplet.name)
    if key is None or key.split()[0] != "ssh-ed25519":
        raise InputError(
            "adopt the droplet",
            whom=customer.email,
            cause=f"the Ed25519 host key of droplet {droplet.id} is not known",
            hint="read /etc/ssh/ssh_host_ed25519_key.pub in its console in the control panel, then say "
            "--host-key 'ssh-ed25519 AAAA…'",
        )
    return key


def _against(cloud: DigitalOcean, customer: Customer, droplet: DropletInfo, key: str) -> Iterator[str]:
    """What speaks against it."""
    recorded = customer.setup.droplet.id
    if recorded and recorded != droplet.id and _exists(cloud, recorded):
        yield f"the record has droplet {recorded}, and it exists"
    if droplet.name.lower() != name_of(customer.id):
        yield f"its name is {droplet.name}, not {name_of(customer.id)}"
    missing = [tag for tag in (tag_of(customer.id), FLEET_TAG) if tag not in droplet.tags]
    if missing:
        yield f"it lacks the tag{'s' if len(missing) > 1 else ''} {' and '.join(missing)}"
    stated = stated_host_key(droplet.tags, droplet.name)
    if stated and not same_key(stated, key):
        yield "its tags state another host key"
    if droplet.status != "active" or not droplet.public_ipv4:
        yield f"it is {droplet.status}" if droplet.public_ipv4 else "it has no public address"


def _exists(cloud: DigitalOcean, droplet_id: str) -> bool:
    try:
        cloud.droplet(droplet_id)
    except NotFound:
        return False
    return True


def _fields(customer: Customer, droplet: DropletInfo, key: str) -> dict[str, object]:
    fields: dict[str, object] = {
        "setup.droplet.provider": "digitalocean",
        "setup.droplet.id": droplet.id,
        "setup.droplet.ip": droplet.public_ipv4,
        "setup.droplet.created": droplet.created_at,
        "setup.droplet.name": droplet.name,
        "setup.droplet.tag": tag_of(customer.id),
        "setup.droplet.hostKey": key,
        "setup.droplet.region": droplet.region,
        "setup.droplet.size": droplet.size,
    }
    if customer.setup.droplet.id != droplet.id:
        fields |= {"setup.droplet.nextHostKey": None, "setup.droplet.hostKeyRenewed": None}
        fields |= {"setup.droplet.pool": None} if customer.setup.droplet.pool else {}
        fields |= to_do_anew(customer)
    if customer.status == "pending_setup":
        fields |= {"status": "in_progress", "setup.status": "in_progress"}
    return fields


def others(cloud: DigitalOcean, customer_id: str, droplet_id: str) -> list[str]:
    """The ids of the customer's droplets besides this one; the operator deletes them."""
    try:
        tagged = cloud.droplets_tagged(tag_of(customer_id))
    except CloudError:
        return []
    return sorted(droplet.id for droplet in tagged if droplet.id != droplet_id)
