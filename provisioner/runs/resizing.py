"""Writing down that a customer's server is to have another size, when nothing speaks against it."""

import difflib
from dataclasses import dataclass

from provisioner.actor import actor
from provisioner.customers.leaving import is_leaving
from provisioner.customers.moving import goes_on as moves_on
from provisioner.customers.moving import is_moving
from provisioner.customers.record import Customer
from provisioner.customers.resizing import goes_on
from provisioner.customers.store import CustomerStore
from provisioner.errors import InputError
from provisioner.printable import command
from provisioner.runs.admission import demand_allowed
from provisioner.runs.workflow import RESIZE
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import NotFound
from provisioner.services.digitalocean.models import DropletInfo, Size
from provisioner.steps.droplet.presence import droplet_gone
from provisioner.steps.resizing import DOING, priced
from provisioner.timestamps import now


@dataclass(frozen=True)
class ResizeWish:
    """The size's slug, and whether the disk is to grow too, which cannot be taken back."""

    size: str
    disk: bool = False


def ask_to_resize(store: CustomerStore, cloud: DigitalOcean, who: str, wish: ResizeWish) -> Customer:
    """The customer, in whose record it is; one that is under way goes on.

    Nothing is written for who has this size already. InputError if it cannot be: there is no server, the size
    cannot be had there, a disk would shrink, or another resize is under way; CloudError if that cannot be
    asked.
    """
    customer = demand_allowed(RESIZE, store.find(who), DOING)
    if customer.setup.resize is not None:
        return _same(customer, wish)
    droplet = _droplet(cloud, customer)
    size = _size(cloud, customer, droplet, wish.size)
    if droplet.size == wish.size and not (wish.disk and (droplet.disk or 0) < size.disk):
        return customer
    _demand_disk_fits(cloud, customer, droplet, size)
    asked = {"requestedAt": now(), "by": actor(), "from": droplet.size, "to": wish.size, "disk": wish.disk}
    with store.edit(who, DOING) as record:
        if record.customer.setup.resize is not None:
            return _same(record.customer, wish)
        record.set("setup.resize", asked)
        change = f"{priced(cloud, droplet.size)} to {priced(cloud, wish.size)}"
        record.add_event("resize_requested", f"DO droplet {droplet.id}: {change}", by=actor())
    return record.customer


def _same(customer: Customer, wish: ResizeWish) -> Customer:
    resize = customer.setup.resize
    assert resize is not None
    if (resize.to, resize.disk) != (wish.size, wish.disk):
        cause = f"the server is being made {resize.to}{', its disk too' if resize.disk else ''}"
        raise _refused(customer, cause, f"finish that first: {goes_on(customer)}")
    return customer


def _droplet(cloud: DigitalOcean, customer: Customer) -> DropletInfo:
    """The customer's, which has been up."""
    droplet = customer.setup.droplet
    if is_leaving(customer):
        raise _refused(customer, "they are leaving", None)
    if is_moving(customer):
        raise _refused(customer, "they are being moved", f"finish that first: {moves_on(customer)}")
    if droplet.id is None or droplet.ip is None:
        hint = f"{command('update', customer.email, 'setup.droplet.size', 'SIZE')} before it is made"
        raise _refused(customer, "they have no server yet", hint)
    try:
        return cloud.droplet(droplet.id)
    except NotFound:
        raise droplet_gone(customer) from None


def _size(cloud: DigitalOcean, customer: Customer, droplet: DropletInfo, slug: str) -> Size:
    """One that can be had where the droplet is."""
    sizes = cloud.offer.sizes()
    there = {one.slug: one for one in sizes if one.available and droplet.region in one.regions}
    if slug in there or slug == droplet.size:
        return next(one for one in sizes if one.slug == slug)
    known = any(one.slug == slug for one in sizes)
    cause = f"{slug} cannot be had in {droplet.region} now" if known else f"DigitalOcean has no size {slug}"
    near = difflib.get_close_matches(slug, there, n=3, cutoff=0)
    raise _refused(customer, cause, f"near it there are {', '.join(near)}" if near else None)


def _demand_disk_fits(cloud: DigitalOcean, customer: Customer, droplet: DropletInfo, size: Size) -> None:
    has = droplet.disk
    if has is None or size.disk >= has:
        return
    fitting = [one.slug for one in cloud.offer.sizes() if one.disk >= has and droplet.region in one.regions]
    cause = f"its disk has {has} GB and {size.slug} has {size.disk}: a disk cannot be made smaller"
    raise _refused(customer, cause, f"with at least {has} GB there are {', '.join(fitting)}")


def _refused(customer: Customer, cause: str, hint: str | None) -> InputError:
    return InputError(DOING, whom=customer.email, cause=cause, hint=hint)
