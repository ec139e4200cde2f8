"""Checks of the cloud account: token, droplets, firewalls, prices, and what can be created."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from provisioner.customers.leaving import is_leaving
from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import Customer
from provisioner.doctor.findings import Findings
from provisioner.droplets.identity import FLEET_TAG, tag_of
from provisioner.errors import CloudError, SettingsError
from provisioner.health.judge import Severity
from provisioner.images.listing import MONTHLY_PER_GIGABYTE
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import NotFound, ScopeMissing
from provisioner.services.digitalocean.firewalls import FIREWALL_NAME
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.settings import Settings
from provisioner.ssh.keys import operator_key
from provisioner.steps.droplet.preflight import preflight
from provisioner.steps.droplet.wish import planned_wishes, usual_wish, wish_of


@dataclass(frozen=True)
class CloudLook:
    """Checks one account; each check notes what is wrong."""

    cloud: DigitalOcean
    found: Findings

    def account(self) -> bool:
        """Whether the token can read the account."""
        try:
            account = self.cloud.account()
        except ScopeMissing:
            return True
        except CloudError as error:
            self._note_refusal(error)
            return False
        self.found.looked.append("account")
        # Of a locked one, `offer` tells.
        if account.status not in ("active", "locked"):
            problem = f"the account is {account.status}: {account.status_message or 'no reason given'}"
            self.found.note("account", account.email, problem, "the control panel says why")
        return True

    def droplets(self, customers: Sequence[Customer]) -> dict[str, DropletInfo] | None:
        """The droplets with our tag, and those named in a record although they lack it.

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

    def snapshots(self, customers: Sequence[Customer], settings: Settings) -> None:
        """Note those with the tag of a customer who has left, unless they are to stay."""
        left = {tag_of(one.id): one for one in customers if has_left(one.status) and not is_leaving(one)}
        if settings.cancel.keep_snapshots or not left:
            return
        try:
            snapshots = self.cloud.offer.snapshots()
        except CloudError as error:
            self._note_refusal(error)
            return
        for snapshot in snapshots:
            owner = next((left[tag] for tag in snapshot.tags if tag in left), None)
            if owner is not None:
                costs = f"${snapshot.gigabytes * MONTHLY_PER_GIGABYTE:.2f} a month"
                problem = f"has left, and snapshot {snapshot.id} ({snapshot.name}) still costs {costs}"
                self.found.note("droplet", owner.email, problem, _SNAPSHOT_LEFT)

    def firewalls(self, droplets: Mapping[str, DropletInfo], port: int) -> None:
        """Check that they allow nothing but SSH, on this port."""
        if not droplets:
            return
        try:
            problems = self.cloud.firewall_problems(FLEET_TAG, port, droplets.keys())
        except CloudError as error:
            self._note_refusal(error)
            return
        self.found.looked.append("firewalls")
        hint = (
            f"in the control panel, have {FIREWALL_NAME} cover the tag “{FLEET_TAG}”, SSH (TCP {port}) being "
            "its only inbound rule, and no other firewall open more; the next droplet brings ours back"
        )
        for problem in problems:
            self.found.note("firewall", FLEET_TAG, problem, hint)

    def offer(self, customers: Sequence[Customer], settings: Settings) -> None:
        """What would make the droplets to come fail, and one by the settings."""
        coming = [one for one in customers if not has_left(one.status) and not one.setup.droplet.id]
        own = [wish for one in coming if (wish := wish_of(one, settings)).sources]
        try:
            key = operator_key(settings.ssh.key).public
        except SettingsError:
            key = None
        try:
            refusals = preflight(self.cloud, [usual_wish(settings), *planned_wishes(settings), *own], key)
        except CloudError as error:
            self._note_refusal(error)
            return
        self.found.looked.append("what can be created")
        for refusal in refusals:
            # A full account stops nobody while nobody comes.
            severity: Severity = "advice" if refusal.kind == "limit" and not coming else "problem"
            self.found.add(refusal.kind, "DigitalOcean", refusal.what, refusal.hint, severity)

    def prices(self) -> dict[str, float]:
        """The price of each size, in dollars a month; empty if unknown."""
        try:
            return {size.slug: size.monthly for size in self.cloud.sizes()}
        except CloudError as error:
            self._note_refusal(error)
            return {}

    def _note_refusal(self, error: CloudError) -> None:
        # What the token may not read, `offer` says in one line.
        if not isinstance(error, ScopeMissing):
            self.found.note("token", "DigitalOcean", str(error.cause), error.hint or "")


_SNAPSHOT_LEFT: Final = (
    "delete it in the control panel; [cancel] keep_snapshots = true in provisioner.toml has such ones stay"
)


def _one(cloud: DigitalOcean, droplet_id: str) -> dict[str, DropletInfo]:
    try:
        return {droplet_id: cloud.droplet(droplet_id)}
    except NotFound:
        return {}
