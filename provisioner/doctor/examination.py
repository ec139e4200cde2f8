"""All that can be seen to be wrong: settings, account, bots, mail; records against the cloud both ways.

Nothing is changed. What cannot be seen without an effect, as whether the token may write, is not claimed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from provisioner.customers.record import Customer
from provisioner.doctor.bots import look_at_bots
from provisioner.doctor.cloud import CloudLook
from provisioner.doctor.configuration import look_at_settings
from provisioner.doctor.droplets import compare
from provisioner.doctor.findings import Cost, Diagnosis, Findings
from provisioner.doctor.mail_server import look_at_mail_server
from provisioner.doctor.model import look_at_model
from provisioner.doctor.records import look_at_records
from provisioner.doctor.servers import look_at_servers
from provisioner.services.digitalocean import DigitalOcean
from provisioner.settings import Settings
from provisioner.workspace import Workspace


@dataclass
class Doctor:
    """One examination. `shows` has a server prove its host key; ProvisionerError if it does not."""

    workspace: Workspace
    settings: Settings
    cloud: DigitalOcean | None
    shows: Callable[[Customer], None]
    _found: Findings = field(default_factory=Findings)

    def examine(self) -> Diagnosis:
        """Look at everything that can be looked at."""
        look_at_settings(self.settings, self._found)
        here, archived = look_at_records(self.workspace, self._found)
        costs = self._look_at_cloud(CloudLook(self.cloud, self._found), here, archived) if self.cloud else []
        look_at_model(self.settings, here, self._found)
        look_at_bots(self.settings, here, archived, self._found)
        look_at_mail_server(self.settings, self._found)
        return Diagnosis(tuple(self._found.noted), tuple(costs), tuple(self._found.looked))

    def _look_at_cloud(self, look: CloudLook, here: list[Customer], archived: list[Customer]) -> list[Cost]:
        if not look.account():
            return []
        customers = [*here, *archived]
        droplets = look.droplets(here)
        if droplets is None:
            return []
        compare(here, archived, droplets, self._found)
        look.firewall(droplets)
        costs = look.prices(customers, droplets)
        there = [one for one in customers if one.setup.droplet.id in droplets]
        look_at_servers(there, self.shows, self._found)
        return costs
