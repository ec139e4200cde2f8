"""A server of the pool as the owner of a droplet."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from provisioner.clock import Clock
from provisioner.droplets.identity import is_of
from provisioner.droplets.keeper import Asked
from provisioner.droplets.own_droplet import OwnDroplet
from provisioner.pool.members import Member, Members
from provisioner.printable import command
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.models import DropletSpec
from provisioner.settings import Settings

_TAG = "pool:"


def pool_tag(name: str) -> str:
    """What the server of this name carries until somebody takes it."""
    return _TAG + name.rpartition("-")[2]


def is_of_pool(tags: Iterable[str], mark: str | None = None) -> bool:
    """Whether a droplet belongs to nobody yet, as its tags say; to this workspace's pool, if one is named."""
    tags = list(tags)
    return any(tag.startswith(_TAG) for tag in tags) and (mark is None or is_of(tags, mark))


class PoolDroplet(OwnDroplet):
    """The `DropletKeeper` of one server; what is written down of it is in `members`."""

    whose = "the pool's"

    def __init__(
        self,
        member: Member,
        members: Members,
        settings: Settings,
        cloud: DigitalOcean,
        mark: str,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(settings, cloud, mark, clock, say)
        self.member = member
        self._members = members

    @property
    def whom(self) -> str:
        return self.member.name

    @property
    def name(self) -> str:
        return self.member.name

    @property
    def tag(self) -> str:
        return pool_tag(self.member.name)

    @property
    def asked(self) -> Asked:
        member = self.member
        return Asked(member.droplet_id, member.requested_at, member.host_key, member.address is not None)

    @property
    def anew(self) -> str:
        return command("pool fill")

    def intend(self, spec: DropletSpec, host_key: str) -> None:
        self.member = replace(self.member, image=spec.image)
        super().intend(spec, host_key)

    def write(self, **changes: Any) -> None:
        self.member = replace(self.member, **changes)
        self._members.write(self.member)

    def forget(self) -> None:
        self._members.forget(self.member.name)
