"""The builder as the owner of a droplet: there is at most one in a workspace, and it is nobody's server."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from provisioner.clock import Clock
from provisioner.droplets.keeper import Asked
from provisioner.droplets.own_droplet import OwnDroplet
from provisioner.images.building import BuildFile, Building
from provisioner.printable import command
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.settings import Settings

WHOM = "the image builder"
_TAG = "image-builder:"


def builder_tag(mark: str) -> str:
    """On the builder of the workspace with this mark."""
    return _TAG + mark


def is_builder(tags: Iterable[str], mark: str) -> bool:
    """Whether a droplet is this workspace's builder, as its tags say."""
    return builder_tag(mark) in tags


class BuildersDroplet(OwnDroplet):
    """The `DropletKeeper` of the builder; what is being built is written down in `file`."""

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
        super().__init__(settings, cloud, mark, clock, say)
        self.building = building
        self._file = file

    @property
    def name(self) -> str:
        return f"provisioner-image-{self.mark}"

    @property
    def tag(self) -> str:
        return builder_tag(self.mark)

    @property
    def asked(self) -> Asked:
        begun = self.building
        return Asked(begun.droplet_id, begun.requested_at, begun.host_key, begun.address is not None)

    @property
    def anew(self) -> str:
        return command("image build", options=f"--region {self.building.region}")

    def write(self, **changes: Any) -> None:
        self.building = replace(self.building, **changes)
        self._file.write(self.building)

    def forget(self) -> None:
        self._file.forget()
