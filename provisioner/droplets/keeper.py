"""For whom a droplet is asked for: what tells it from all others, and where it is written down.

A customer's record is one such place; whatever else needs a server of its own brings another.
"""

from dataclasses import dataclass
from typing import Protocol

from provisioner.clock import Clock
from provisioner.errors import CloudError
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec
from provisioner.settings import DropletSettings, SshSettings


@dataclass(frozen=True)
class Asked:
    """What is written down: nothing yet, a request whose end is not known, or a droplet's id."""

    id: str | None = None
    requested_at: str | None = None
    host_key: str | None = None
    """The public half of the key that the droplet shows."""
    seen: bool = False
    """Whether it has been up, at an address."""


@dataclass(frozen=True)
class Wanted:
    """What kind of droplet; the image is a slug, or the id of a snapshot."""

    region: str
    size: str
    image: str


class DropletKeeper(Protocol):
    """One owner of one droplet. What its methods write is on disk when they return."""

    @property
    def whom(self) -> str:
        """What errors call the owner."""

    @property
    def whose(self) -> str:
        """As it stands behind "the droplet is": "this customer's"."""

    @property
    def name(self) -> str:
        """Of the droplet, and of no other owner's."""

    @property
    def tag(self) -> str:
        """On the droplet, and on no other owner's."""

    @property
    def others(self) -> frozenset[str]:
        """The ids of the owner's other droplets, which have this name and tag too, and are written down."""

    @property
    def mark(self) -> str:
        """The workspace's."""

    @property
    def cloud(self) -> DigitalOcean: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def waits(self) -> DropletSettings:
        """How long what is waited for."""

    @property
    def ssh(self) -> SshSettings: ...

    def say(self, text: str) -> None:
        """Tell whoever watches what is being done; one short line."""

    @property
    def asked(self) -> Asked: ...

    def intend(self, spec: DropletSpec, host_key: str) -> None:
        """What is about to be asked for, and the public half of its host key; the last thing before it."""

    def refused(self) -> None:
        """Nothing came of the request, for certain."""

    def accepted(self, droplet_id: str) -> None:
        """It was answered with this id."""

    def found(self, droplet: DropletInfo, stated_host_key: str | None) -> None:
        """It was found again, after its answer was lost."""

    def vanished(self, droplet_id: str) -> None:
        """The accepted droplet is gone before it was up; that it was asked for stays written."""

    def gone(self) -> CloudError:
        """The error for a droplet that was there and is not any more."""

    def adopting(self, droplet_id: str) -> str | None:
        """The command by which the operator says that a droplet is the owner's; None if there is none."""

    @property
    def anew(self) -> str:
        """The command that gets another droplet, once this one is deleted."""
