"""The whole examination: settings, account, bots, mail, and records compared with the cloud.

Read only. What cannot be checked without an effect, such as write access of the token, is not claimed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.customers.record import Customer
from provisioner.doctor.channels import look_at_channels
from provisioner.doctor.configuration import look_at_settings
from provisioner.doctor.findings import Cost, Diagnosis, Findings
from provisioner.doctor.mail_server import look_at_mail_server
from provisioner.doctor.model_keys import look_at_model
from provisioner.doctor.records import look_at_records
from provisioner.doctor.servers import look_at_servers
from provisioner.doctor.updates import look_who_is_behind
from provisioner.errors import ProvisionerError
from provisioner.health.visit import Visit
from provisioner.settings import Settings
from provisioner.workspace import MARK_FILE, Workspace

if TYPE_CHECKING:
    from provisioner.services.digitalocean.client import DigitalOcean
    from provisioner.services.digitalocean.models import DropletInfo


@dataclass
class Doctor:
    """One examination. `visit` checks a server's host key and reads its report; ProvisionerError."""

    workspace: Workspace
    settings: Settings
    cloud: "DigitalOcean | None"
    visit: Visit
    say: Callable[[str], None] = lambda _: None
    """Is told what is being checked."""
    _found: Findings = field(default_factory=Findings)

    def examine(self) -> Diagnosis:
        """Check everything that can be checked."""
        look_at_settings(self.workspace, self.settings, self._found)
        self.say("reading the records")
        here, archived = look_at_records(self.workspace, self._found)
        look_who_is_behind(self.workspace, self.settings, here, self._found)
        self.say(f"asking DigitalOcean about {_number(here)}")
        costs, there = self._look_at_cloud(here, archived)
        look_at_servers(there, self.visit, self.settings, self._found, self.say)
        self.say("asking the model's provider")
        look_at_model(self.settings, here, archived, self._mark(), self._found)
        self.say(f"asking about the bots of {_number(here)}")
        look_at_channels(self.settings, here, archived, self._found, self.say)
        self.say("asking the mail server")
        look_at_mail_server(self.settings, self._found)
        return Diagnosis(tuple(self._found.noted), tuple(costs), tuple(self._found.looked))

    def _look_at_cloud(
        self, here: list[Customer], archived: list[Customer]
    ) -> tuple[list[Cost], list[Customer]]:
        """The cost of each droplet, and the customers whose servers are running, as far as is known."""
        if self.cloud is None:
            return [], []
        from provisioner.doctor.cloud import CloudLook
        from provisioner.doctor.droplets import Fleet
        from provisioner.doctor.images import ImageLook
        from provisioner.doctor.pool import PoolCheck

        look = CloudLook(self.cloud, self._found)
        if not look.account():
            return [], []
        look.offer(here, self.settings)
        droplets = look.droplets(here)
        if droplets is None:
            return [], []
        prices, mark = look.prices(), self._mark()
        fleet = Fleet(here, archived, droplets, prices, mark)
        fleet.compare(self._found)
        look.snapshots((*here, *archived), self.settings)
        if mark is not None:
            images = ImageLook(self.workspace, self.settings, self.cloud, mark, self._found)
            images.left_behind(droplets, prices)
            images.images()
            owned = {one.setup.droplet.id for one in (*here, *archived) if one.setup.droplet.id}
            PoolCheck(self.workspace, self.settings, mark, self._found).compare(droplets, prices, owned)
        look.firewalls(droplets, self.settings.ssh.port)
        running = [one for one in here if _runs(droplets.get(one.setup.droplet.id or ""))]
        return fleet.costs(), running

    def _mark(self) -> str | None:
        """The workspace's mark, which its droplets carry; None before it has made any."""
        if not (self.workspace.customers_dir / MARK_FILE).is_file():
            return None
        try:
            return self.workspace.mark()
        except ProvisionerError as error:
            self._found.note("settings", error.whom or MARK_FILE, str(error.cause), error.hint or "")
            return None


def _number(customers: list[Customer]) -> str:
    return "1 customer" if len(customers) == 1 else f"{len(customers)} customers"


def _runs(droplet: "DropletInfo | None") -> bool:
    return droplet is not None and droplet.status == "active"
