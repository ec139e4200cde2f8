"""A customer as the owner of a droplet, whose record says what was asked for."""

from provisioner.clock import Clock
from provisioner.customers.done import to_do_anew
from provisioner.customers.moving import second_id
from provisioner.customers.record import Customer
from provisioner.droplets.identity import name_of, tag_of
from provisioner.droplets.keeper import Asked
from provisioner.errors import CloudError
from provisioner.pool.members import Member
from provisioner.printable import command
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec
from provisioner.settings import DropletSettings, SshSettings
from provisioner.step import Work
from provisioner.steps.droplet.presence import droplet_gone
from provisioner.timestamps import now


class CustomersDroplet:
    """The `DropletKeeper` of the customer that a run works on."""

    whose = "this customer's"

    def __init__(self, work: Work) -> None:
        self._work = work

    @property
    def whom(self) -> str:
        return self._work.customer.email

    @property
    def name(self) -> str:
        return name_of(self._work.customer.id)

    @property
    def tag(self) -> str:
        return tag_of(self._work.customer.id)

    @property
    def others(self) -> frozenset[str]:
        return second_id(self._work.customer)

    @property
    def mark(self) -> str:
        return self._work.mark

    @property
    def cloud(self) -> DigitalOcean:
        return self._work.services.cloud

    @property
    def clock(self) -> Clock:
        return self._work.clock

    @property
    def waits(self) -> DropletSettings:
        return self._work.settings.droplet

    @property
    def ssh(self) -> SshSettings:
        return self._work.settings.ssh

    def say(self, text: str) -> None:
        self._work.say(text)

    @property
    def asked(self) -> Asked:
        droplet = self._work.customer.setup.droplet
        return Asked(droplet.id, droplet.requested_at, droplet.host_key, droplet.ip is not None)

    def intend(self, spec: DropletSpec, host_key: str) -> None:
        """What the record says before the request; the key's private half is nowhere but in memory."""
        fields = {
            **begun(self._work.customer),
            "setup.droplet.provider": "digitalocean",
            "setup.droplet.name": spec.name,
            "setup.droplet.tag": self.tag,
            "setup.droplet.hostKey": host_key,
            "setup.droplet.image": spec.image,
            "setup.droplet.requestedAt": now(),
            **_without_server(self._work.customer),
        }
        self._work.write(fields)

    def refused(self) -> None:
        self._work.write({"setup.droplet.requestedAt": None})

    def accepted(self, droplet_id: str) -> None:
        self._work.record(
            "droplet_created", f"Created DO droplet {droplet_id}", {"setup.droplet.id": droplet_id}
        )

    def found(self, droplet: DropletInfo, stated_host_key: str | None) -> None:
        details = f"Created DO droplet {droplet.id}; its answer was lost, it was found again"
        fields: dict[str, object] = {"setup.droplet.id": droplet.id}
        if not _is_described(self._work.customer, droplet):
            # Its own key: an earlier request may have made it, after which a later one was written down.
            fields["setup.droplet.hostKey"] = stated_host_key
            fields |= _without_server(self._work.customer)
        self._work.record("droplet_created", details, fields)

    def vanished(self, droplet_id: str) -> None:
        """The next run looks for a whole window before it asks again: `requestedAt` stays."""
        details = f"DO droplet {droplet_id} vanished before it was up"
        self._work.record("droplet_failed", details, {"setup.droplet.id": None})

    def gone(self) -> CloudError:
        return droplet_gone(self._work.customer)

    def take(self, member: Member) -> None:
        """This server of the pool is the customer's from here on; it still has its name and its tag."""
        fields = {
            **begun(self._work.customer),
            "setup.droplet.provider": "digitalocean",
            "setup.droplet.name": self.name,
            "setup.droplet.tag": self.tag,
            "setup.droplet.hostKey": member.host_key,
            "setup.droplet.image": member.image,
            "setup.droplet.requestedAt": member.requested_at,
            **_without_server(self._work.customer),
            "setup.droplet.id": member.droplet_id,
            "setup.droplet.pool": member.name,
        }
        details = f"Took DO droplet {member.droplet_id} from the pool"
        self._work.record("droplet_claimed", details, fields)

    def adopting(self, droplet_id: str) -> str | None:
        return command("adopt", self.whom, droplet_id)

    @property
    def anew(self) -> str:
        return command("rebuild", self.whom)


def begun(customer: Customer) -> dict[str, object]:
    """The setup has begun, where the record does not say so or more."""
    fields: dict[str, object] = {}
    if customer.status == "pending_setup":
        fields["status"] = "in_progress"
    if customer.setup.status == "pending":
        fields["setup.status"] = "in_progress"
    return fields


def _is_described(customer: Customer, droplet: DropletInfo) -> bool:
    """Whether the record tells of this very droplet, which has lost nothing but its id there."""
    recorded = customer.setup.droplet
    return recorded.ip is not None and (recorded.ip, recorded.created) == (
        droplet.public_ipv4,
        droplet.created_at,
    )


def _without_server(customer: Customer) -> dict[str, object]:
    """Nothing that an earlier server had is so of the next one."""
    droplet = customer.setup.droplet
    earlier = {
        "setup.droplet.ip": droplet.ip,
        "setup.droplet.created": droplet.created,
        "setup.droplet.nextHostKey": droplet.next_host_key,
        "setup.droplet.hostKeyRenewed": droplet.host_key_renewed,
        "setup.droplet.pool": droplet.pool,
    }
    cleared = {path: None for path, value in earlier.items() if value is not None}
    return {**cleared, **to_do_anew(customer)}
