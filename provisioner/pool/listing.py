"""The pool as `pool status` and `doctor` show it: each server, what it is good for, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.droplets.identity import FLEET_TAG
from provisioner.filesystem.locks import Holder
from provisioner.pool.fill import pool_members, wanted_kinds
from provisioner.pool.members import Member, has_owner
from provisioner.pool.recipe import Kind, read_pool_recipe
from provisioner.pool.state import State, age_in_days, state_of
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.settings import Settings
from provisioner.timestamps import present
from provisioner.workspace import Workspace


@dataclass(frozen=True)
class Listed:
    """One server; `days` is its age, `monthly` in dollars, None if there is no droplet or no price of it."""

    member: Member
    state: State
    days: int
    monthly: float | None


@dataclass(frozen=True)
class PoolLook:
    """There shall be `size` of each kind that is `wanted`; `filler` is who makes or destroys some now."""

    servers: tuple[Listed, ...]
    wanted: tuple[Kind, ...]
    size: int
    filler: Holder | None

    @property
    def of_nobody(self) -> list[Listed]:
        """What `pool drain` destroys: all that no customer has."""
        return [one for one in self.servers if one.state != "taken"]

    @property
    def monthly(self) -> float:
        """What all of them cost together, in dollars."""
        return sum(one.monthly or 0.0 for one in self.servers)

    @property
    def ready(self) -> int:
        """How many customers can have one now."""
        return sum(one.state == "ready" for one in self.servers)

    @property
    def missing(self) -> int:
        """How many `pool fill` would make or replace."""
        ready = [one.member.kind for one in self.servers if one.state == "ready"]
        return sum(max(0, self.size - ready.count(kind)) for kind in self.wanted)


def look(workspace: Workspace, settings: Settings, cloud: DigitalOcean) -> PoolLook:
    """Two requests; CloudError, and RecordError if what is written down cannot be understood."""
    droplets = {one.id: one for one in cloud.droplets_tagged(FLEET_TAG)}
    return compare(workspace, settings, droplets, {one.slug: one.monthly for one in cloud.sizes()})


def compare(
    workspace: Workspace,
    settings: Settings,
    droplets: Mapping[str, DropletInfo],
    prices: Mapping[str, float],
) -> PoolLook:
    """What is written down, beside the account's droplets by id; `prices` by size."""
    store, moment = workspace.store(), present()
    digest = read_pool_recipe(settings, [workspace.playbooks_dir]).digest
    members = pool_members(workspace)

    def listed(member: Member) -> Listed:
        state = state_of(member, droplets, digest, moment, owned=has_owner(store, member))
        costs = state != "taken" and member.droplet_id in droplets
        return Listed(member, state, age_in_days(member, moment), prices.get(member.size) if costs else None)

    kinds = wanted_kinds(settings, digest) if settings.pool.size else ()
    servers = tuple(map(listed, members.all()))
    return PoolLook(servers, tuple(kinds), settings.pool.size, members.filler())
