"""Giving a server of the pool to one customer, and never to two."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from provisioner.customers.store import CustomerStore
from provisioner.droplets.identity import is_of
from provisioner.failpoints import failpoint
from provisioner.pool.droplet import pool_tag
from provisioner.pool.members import Member, Members, has_owner
from provisioner.pool.recipe import Kind
from provisioner.services.digitalocean.errors import NotFound
from provisioner.services.digitalocean.models import DropletInfo


class Cloud(Protocol):
    """Whom is asked whether a server is there."""

    def droplet(self, droplet_id: str) -> DropletInfo: ...


def claim(
    members: Members,
    store: CustomerStore,
    cloud: Cloud,
    mark: str,
    kind: Kind,
    customer_id: str,
    record: Callable[[Member], None],
) -> Member | None:
    """The oldest server of this kind that is whole, now this customer's; None if there is none.

    `record` writes it into the customer's record. From then on it is theirs, whatever happens here.
    """
    for member in free(members, kind):
        if not _is_whole(cloud, member, mark):
            continue
        with members.choosing(f"take {member.name} from the pool"):
            # Meanwhile others may have taken it, or have begun to destroy it.
            now = members.read(member.name)
            if now is None or not now.is_free or has_owner(store, now):
                continue
            members.write(replace(now, taken_by=customer_id))
            record(now)
            failpoint("after a server of the pool is taken")
            members.forget(member.name)
            return now
    return None


def free(members: Members, kind: Kind) -> list[Member]:
    """Those of this kind that nobody has taken, as far as is written down; the oldest first."""
    return [one for one in members.all() if one.is_free and one.kind == kind]


def _is_whole(cloud: Cloud, member: Member, mark: str) -> bool:
    """Whether the account has it, running, at the address where it was, and as the pool's."""
    assert member.droplet_id, "it is ready"
    try:
        droplet = cloud.droplet(member.droplet_id)
    except NotFound:
        return False
    there = droplet.status == "active" and droplet.public_ipv4 == member.address
    return there and pool_tag(member.name) in droplet.tags and is_of(droplet.tags, mark)
