"""What one sandbox cloud holds, in memory: it lives as long as its machines, which end with the process."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from provisioner.sandbox.cloud.catalog import Image, Region, Size
from provisioner.sandbox.cloud.executors import MachineExecutors
from provisioner.sandbox.cloud.options import CloudOptions
from provisioner.sandbox.cloud.ratelimit import RateLimits
from provisioner.sandbox.machines.interface import Machines

DropletStatus = Literal["new", "active", "off", "archive"]
ActionStatus = Literal["in-progress", "completed", "errored"]
Fate = Literal["vanish", "errored", "stuck"]


@dataclass
class Action:
    id: int
    type: str
    droplet_id: int
    region: Region
    started_at: str
    status: ActionStatus = "in-progress"
    completed_at: str | None = None


@dataclass
class Droplet:
    id: int
    name: str
    size: Size
    region: Region
    image: Image
    created_at: str
    user_data: str
    authorized_keys: tuple[str, ...]
    tags: list[str]
    features: list[str]
    private_address: str
    vpc_uuid: str
    listed_at: float
    """Before this moment of `Cloud.now`, lists do not show it."""
    tagged_at: float
    """Before this moment of `Cloud.now`, it has no tags."""
    status: DropletStatus = "new"
    address: str | None = None
    pending: Action | None = None
    has_machine: bool = False
    fate: Fate | None = None
    """What a fault has in store for its creation."""
    inbound: tuple[str, ...] | None = None
    """What its machine was last told to let in."""
    snapshot_ids: list[int] = field(default_factory=list)


@dataclass
class Key:
    id: int
    name: str
    public_key: str
    fingerprint: str


@dataclass
class Firewall:
    id: str
    name: str
    created_at: str
    inbound_rules: list[dict[str, Any]]
    outbound_rules: list[dict[str, Any]]
    droplet_ids: list[int]
    tags: list[str]


class Cloud:
    """The whole state. Every reader and writer of it holds `lock`, and never while a machine works."""

    def __init__(
        self,
        machines: Machines,
        token: str,
        *,
        options: CloudOptions | None = None,
        outside: str = "127.0.0.1",
        bootable: frozenset[str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.machines = machines
        self.token = token
        self.options = options or CloudOptions()
        self.outside = outside
        """The address that "the internet" has for a droplet: the sandbox's host. Firewalls look for it."""
        self.bootable = bootable
        """The slugs that its machines can boot, snapshots aside; None for all."""
        self.now = now
        self.lock = threading.RLock()
        self.executors = MachineExecutors()
        self.limits = RateLimits(now)
        self.droplets: dict[int, Droplet] = {}
        self.actions: dict[int, Action] = {}
        self.keys: dict[int, Key] = {}
        self.tags: dict[str, None] = {}
        self.firewalls: dict[str, Firewall] = {}
        self.snapshots: dict[int, Image] = {}
        # Ids that no earlier life of this sandbox gave out: a record must not meet a stranger under its id.
        self._ids: Iterator[int] = itertools.count(int(time.time()))

    def next_id(self) -> int:
        with self.lock:
            return next(self._ids)

    def timestamp(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def tags_of(self, droplet: Droplet) -> list[str]:
        return droplet.tags if self.now() >= droplet.tagged_at else []

    def listed(self) -> list[Droplet]:
        """The droplets that lists show at this moment, newest last."""
        return [droplet for droplet in self.droplets.values() if self.now() >= droplet.listed_at]

    def canonical_tag(self, name: str) -> str | None:
        """The spelling under which a tag was first made."""
        return next((tag for tag in self.tags if tag.lower() == name.lower()), None)

    def ensure_tag(self, name: str) -> str:
        canonical = self.canonical_tag(name)
        if canonical is None:
            self.tags[name] = None
        return canonical or name

    def begin(self, droplet: Droplet, kind: str) -> Action:
        """Make an action of a droplet's pending event."""
        action = Action(self.next_id(), kind, droplet.id, droplet.region, self.timestamp())
        self.actions[action.id] = action
        droplet.pending = action
        return action

    def finish(self, droplet: Droplet, action: Action, status: ActionStatus = "completed") -> None:
        action.status = status
        action.completed_at = self.timestamp()
        if droplet.pending is action:
            droplet.pending = None

    def close(self) -> None:
        """Wait for running work; the machines themselves are closed by whoever made them."""
        self.executors.close()
