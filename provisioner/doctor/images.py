"""Checks of our own images: one that is stale or old, and what a build has left behind."""

from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.doctor.findings import Findings
from provisioner.errors import CloudError, ProvisionerError
from provisioner.images.build import FRESH_DAYS, build_file
from provisioner.images.builder import is_builder
from provisioner.images.listing import Listed
from provisioner.images.shelf import Shelf, look
from provisioner.printable import command
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import ScopeMissing
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.settings import AUTO_IMAGE, Settings
from provisioner.workspace import Workspace

_BUILD = "image build"


@dataclass(frozen=True)
class ImageLook:
    """Checks the images of one workspace, whose droplets carry `mark`."""

    workspace: Workspace
    settings: Settings
    cloud: DigitalOcean
    mark: str
    found: Findings

    def left_behind(self, droplets: Mapping[str, DropletInfo], prices: Mapping[str, float]) -> None:
        """Note a builder on which nobody works, and a build that was begun."""
        file = build_file(self.workspace)
        try:
            if file.holder() is not None:
                return
            begun = file.read()
        except ProvisionerError as error:
            self.found.note("image", error.whom or "image build", str(error.cause), error.hint or "")
            return
        builders = [one for one in droplets.values() if is_builder(one.tags, self.mark)]
        goes_on = f"{command(_BUILD)} goes on with it, and destroys the builder at the end"
        for one in builders:
            price = prices.get(one.size)
            costs = f"${price:.2f} a month" if price is not None else "money"
            known = begun is not None and begun.droplet_id in (None, one.id)
            hint = goes_on if known else "delete it in the control panel: no build knows it any more"
            problem = f"an image build has left this droplet behind ({one.name}): it costs {costs}"
            self.found.note("droplet", one.id, problem, hint)
        if begun is not None and not builders:
            self.found.advise("image", begun.name, "its build was begun, and has not ended", goes_on)

    def images(self) -> None:
        """Advise to build again what is stale or old; nothing where none was ever built."""
        if self.settings.droplet.image != AUTO_IMAGE:
            return
        try:
            shelf = look(self.workspace, self.settings, self.cloud)
        except ScopeMissing:
            problem = "the token may not list snapshots (snapshot:read): no image of our own is used"
            self.found.advise("token", "DIGITALOCEAN_ACCESS_TOKEN", problem, "give it in the control panel")
            return
        except CloudError as error:
            self.found.note("token", "DigitalOcean", str(error.cause), error.hint or "")
            return
        self.found.looked.append("images")
        finished = [one for one in shelf.images if one.state != "unfinished"]
        if finished:
            self._judge(shelf, finished)

    def _judge(self, shelf: Shelf, finished: list[Listed]) -> None:
        used = next((one for one in finished if one.state == "used"), None)
        newest = finished[0].snapshot.name
        if used is None:
            problem = f"it is not used: new servers begin with the {shelf.chosen.said}"
            self.found.advise("image", newest, problem, f"build it again: {command(_BUILD)}")
        elif used.days >= FRESH_DAYS:
            problem = f"{used.days} days old: new servers begin without the security updates since"
            self.found.advise("image", used.snapshot.name, problem, f"build it again: {command(_BUILD)}")
