"""What the cloud account tells: whether the token opens it, its droplets, its firewall, its prices."""

from collections.abc import Sequence
from dataclasses import dataclass

from provisioner.customers.record import Customer
from provisioner.doctor.findings import Findings
from provisioner.errors import CloudError
from provisioner.services.cloud_errors import NotFound
from provisioner.services.cloud_models import DropletInfo
from provisioner.services.digitalocean import DigitalOcean
from provisioner.steps.droplet_identity import FLEET_TAG


@dataclass(frozen=True)
class CloudLook:
    """Looks at one account; each look notes what is wrong."""

    cloud: DigitalOcean
    found: Findings

    def account(self) -> bool:
        """Whether the token opens the account, as far as reading it."""
        try:
            account = self.cloud.account()
        except CloudError as error:
            self._note_refusal(error)
            return False
        self.found.looked.append("account")
        if account.status != "active":
            problem = f"the account is {account.status}: {account.status_message or 'no reason given'}"
            self.found.note("account", account.email, problem, "the control panel says why")
        return True

    def droplets(self, customers: Sequence[Customer]) -> dict[str, DropletInfo] | None:
        """Those with our tag, and those that the record of one of these names although they lack it.

        None if they cannot be seen.
        """
        try:
            droplets = {droplet.id: droplet for droplet in self.cloud.droplets_tagged(FLEET_TAG)}
            for customer in customers:
                wanted = customer.setup.droplet.id
                if wanted and wanted not in droplets:
                    droplets |= _one(self.cloud, wanted)
        except CloudError as error:
            self._note_refusal(error)
            return None
        self.found.looked.append("droplets")
        return droplets

    def firewall(self, droplets: dict[str, DropletInfo]) -> None:
        """Whether ours covers the droplets."""
        try:
            if not droplets or self.cloud.is_guarded(FLEET_TAG):
                return
        except CloudError as error:
            self._note_refusal(error)
            return
        hint = "the next droplet that is created brings it back: provisioner provision EMAIL"
        self.found.note("firewall", FLEET_TAG, "no firewall of ours covers the droplets", hint)

    def prices(self) -> dict[str, float]:
        """What each size costs, in dollars a month; empty if that cannot be seen."""
        try:
            return {size.slug: size.monthly for size in self.cloud.sizes()}
        except CloudError as error:
            self._note_refusal(error)
            return {}

    def _note_refusal(self, error: CloudError) -> None:
        self.found.note("token", "DigitalOcean", str(error.cause), error.hint or "")


def _one(cloud: DigitalOcean, droplet_id: str) -> dict[str, DropletInfo]:
    try:
        return {droplet_id: cloud.droplet(droplet_id)}
    except NotFound:
        return {}
