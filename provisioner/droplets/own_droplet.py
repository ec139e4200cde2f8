"""A droplet of the workspace's own, which is no customer's server: what was asked for stands in a file."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from provisioner.clock import Clock
from provisioner.droplets.destroying import destroy_droplet, is_ours
from provisioner.droplets.keeper import Asked
from provisioner.errors import CloudError
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import DropletGone
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec
from provisioner.settings import DropletSettings, Settings, SshSettings
from provisioner.timestamps import now


class OwnDroplet(ABC):
    """A `DropletKeeper`; every change goes to the file at once, under these names.

    `droplet_id`, `requested_at`, `host_key`, and `address` once it has one.
    """

    def __init__(
        self, settings: Settings, cloud: DigitalOcean, mark: str, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self.cloud = cloud
        self.mark = mark
        self.clock = clock
        self._settings = settings
        self._say = say

    @property
    @abstractmethod
    def whom(self) -> str:
        """What errors call it."""

    @property
    @abstractmethod
    def whose(self) -> str: ...

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    @abstractmethod
    def tag(self) -> str: ...

    @property
    def others(self) -> frozenset[str]:
        return frozenset()

    @property
    @abstractmethod
    def asked(self) -> Asked: ...

    @property
    @abstractmethod
    def anew(self) -> str: ...

    @abstractmethod
    def write(self, **changes: Any) -> None:
        """Change what is written down; on disk when this returns."""

    @abstractmethod
    def forget(self) -> None:
        """Nothing is written down of it any more."""

    @property
    def waits(self) -> DropletSettings:
        return self._settings.droplet

    @property
    def ssh(self) -> SshSettings:
        return self._settings.ssh

    def say(self, text: str) -> None:
        self._say(text)

    def intend(self, spec: DropletSpec, host_key: str) -> None:  # noqa: ARG002 - the rest of it is known
        self.write(requested_at=now(), host_key=host_key, address=None)

    def refused(self) -> None:
        self.write(requested_at=None)

    def accepted(self, droplet_id: str) -> None:
        self.write(droplet_id=droplet_id)

    def found(self, droplet: DropletInfo, stated_host_key: str | None) -> None:
        self.write(droplet_id=droplet.id, host_key=stated_host_key)

    def vanished(self, droplet_id: str) -> None:  # noqa: ARG002 - there is one only
        self.write(droplet_id=None)

    def gone(self) -> CloudError:
        """What it had done is lost with it; the next run begins anew."""
        droplet_id = self.asked.id
        self.forget()
        cause = f"droplet {droplet_id} is gone: it is not in the account that the token belongs to"
        return DropletGone(self.whom, cause, f"a new one in its place: {self.anew}")

    def adopting(self, droplet_id: str) -> str | None:  # noqa: ARG002
        """One that is not certain to be ours is of no use."""
        return None

    def destroy(self) -> None:
        """Destroy it if it is there, and nothing else; DropletUnclear if that is not certain."""
        destroy_droplet(self)

    def is_ours(self, droplet: DropletInfo) -> bool:
        """Whether name and tags say that this is it."""
        return is_ours(self, droplet)
