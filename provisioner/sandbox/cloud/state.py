"""What one sandbox cloud holds, in memory: it lives as long as its machines, which end with the process."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any, Literal

from provisioner.sandbox.cloud.catalog import BackupPlan, Image, Region, Size
from provisioner.sandbox.cloud.executors import MachineExecutors
from provisioner.sandbox.cloud.options import CloudOptions
from provisioner.sandbox.cloud.ratelimit import RateLimits
from provisioner.sandbox.cloud.usage import UsageLog, urn_of
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


@dataclass(frozen=True)
class BackupPolicy:
    """When backups are taken: every day, or on this `weekday`, from this `hour` on (UTC)."""

    plan: BackupPlan
    weekday: str
    hour: int


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
    disk: int = 0
    """In GiB; a resize that leaves it makes it another than its size's."""
    status: DropletStatus = "new"
    address: str | None = None
    pending: Action | None = None
    has_machine: bool = False
    fate: Fate | None = None
    """What a fault has in store for its creation."""
    inbound: tuple[str, ...] | None = None
    """What its machine was last told to let in."""
    snapshot_ids: list[int] = field(default_factory=list)
    backup_ids: list[int] = field(default_factory=list)
    backup_policy: BackupPolicy | None = None
    """None while backups are off."""
    next_backup: float | None = None
    """When the window of the next one begins, by `Cloud.now`."""


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


@dataclass
class Project:
    id: str
    name: str
    description: str
    purpose: str
    environment: str
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Assignment:
    """In which project a resource is, and since when."""

    project_id: str
    at: str


@dataclass
class Vpc:
    """A private network; `default` says whether new droplets of its region are put into it."""

    id: str
    name: str
    region: Region
    ip_range: IPv4Network
    description: str
    default: bool
    created_at: str
    given: int = 0
    """How many addresses it has given out."""

    def next_address(self) -> str:
        """Each in turn; the network's own, its router's and the broadcast address are never given."""
        address = self.ip_range[2 + self.given % (self.ip_range.num_addresses - 3)]
        self.given += 1
        return str(address)


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
        """Copies of droplets' disks by id: snapshots, and backups."""
        self.vpcs: dict[str, Vpc] = {}
        self.usage = UsageLog(now)
        self.assignments: dict[str, Assignment] = {}
        """By the name of the resource; that of a droplet outlives it, for the invoices."""
        first = _first_project(self.timestamp())
        self.projects: dict[str, Project] = {first.id: first}
        self.default_project = first.id
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

    def notice_halt(self, droplet: Droplet) -> None:
        """A system that has switched itself off leaves its droplet off."""
        if droplet.status == "active" and droplet.pending is None and self.machines.halted(droplet.id):
            droplet.status = "off"

    def project_name(self, resource: str) -> str:
        """Of the project that a resource is or was in; empty for what is in none."""
        assigned = self.assignments.get(resource)
        project = self.projects.get(assigned.project_id) if assigned else None
        return project.name if project else ""

    def add_droplet(self, droplet: Droplet) -> None:
        self.droplets[droplet.id] = droplet
        self.assignments[urn_of(droplet.id)] = Assignment(self.default_project, self.timestamp())

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


def _first_project(now: str) -> Project:
    """The one that every account begins with."""
    return Project(
        id=str(uuid.uuid4()),
        name="first-project",
        description="Update your project information under Settings",
        purpose="Just trying out DigitalOcean",
        environment="Development",
        created_at=now,
        updated_at=now,
    )
