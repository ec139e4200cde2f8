"""The builder as the owner of a droplet: there is at most one in a workspace, and it is nobody's server."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from provisioner.clock import Clock
from provisioner.droplets.identity import is_of
from provisioner.droplets.keeper import Asked
from provisioner.errors import CloudError
from provisioner.images.building import BuildFile, Building
from provisioner.printable import command
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import DropletGone, DropletUnclear
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec
from provisioner.settings import DropletSettings, Settings, SshSettings
from provisioner.timestamps import now

WHOM = "the image builder"
_TAG = "image-builder:"


def builder_tag(mark: str) -> str:
    """On the builder of the workspace with this mark."""
    return _TAG + mark


def is_builder(tags: Iterable[str], mark: str) -> bool:
    """Whether a droplet is this workspace's builder, as its tags say."""
    return builder_tag(mark) in tags


class BuildersDroplet:
    """The `DropletKeeper` of the builder; every change goes to the file at once."""

    whom = WHOM
    whose = "the image builder's"

    def __init__(
        self,
        building: Building,
        file: BuildFile,
        settings: Settings,
        cloud: DigitalOcean,
        mark: str,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self.building = building
        self.cloud = cloud
        self.mark = mark
        self.clock = clock
        self._file = file
        self._settings = settings
        self._say = say

    @property
    def name(self) -> str:
        return f"provisioner-image-{self.mark}"

    @property
    def tag(self) -> str:
        return builder_tag(self.mark)

    @property
    def waits(self) -> DropletSettings:
        return self._settings.droplet

    @property
    def ssh(self) -> SshSettings:
        return self._settings.ssh

    def say(self, text: str) -> None:
        self._say(text)

    @property
    def asked(self) -> Asked:
        return Asked(self.building.droplet_id, self.building.requested_at, self.building.host_key)

    def intend(self, spec: DropletSpec, host_key: str) -> None:  # noqa: ARG002 - all of it is known
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
        droplet_id = self.building.droplet_id
        self._file.forget()
        cause = f"droplet {droplet_id} is gone: it is not in the account that the token belongs to"
        return DropletGone(WHOM, cause, f"a new one in its place: {self.anew}")

    def adopting(self, droplet_id: str) -> None:
        """A builder that is not certain to be ours is of no use."""

    @property
    def anew(self) -> str:
        return command("image build", options=f"--region {self.building.region}")

    def write(self, **changes: Any) -> None:
        """Change what is written down; on disk when this returns."""
        self.building = replace(self.building, **changes)
        self._file.write(self.building)

    def demand_ours(self, droplet: DropletInfo) -> None:
        """DropletUnclear unless id, name and tags all say that this is the builder: only then it may go."""
        proven = (
            droplet.id == self.building.droplet_id
            and droplet.name.lower() == self.name
            and self.tag in droplet.tags
            and is_of(droplet.tags, self.mark)
        )
        if not proven:
            raise DropletUnclear(
                WHOM,
                f"droplet {droplet.id} ({droplet.name}) is not the builder by its name and its tags",
                "look at it in the DigitalOcean control panel, and delete it there if nobody needs it",
                (droplet.id,),
            )
