"""What a record says no more when the customer's droplet is gone."""

from collections.abc import Mapping

from provisioner.customers.done import to_do_anew
from provisioner.customers.record import Customer, Record

_OF_THE_DROPLET = ("id", "ip", "created", "hostKey", "nextHostKey", "hostKeyRenewed")
_OF_THE_SERVER = (
    "setup.moltbot.installedAt",
    "setup.moltbot.version",
    "setup.moltbot.dropletId",
    "setup.moltbot.audit",
    "setup.messaging.dropletId",
    "setup.handoff.dropletId",
)


def without_droplet(customer: Customer) -> dict[str, object]:
    """The fields that say that there is none, and nothing on it yet; what is the customer's own stays."""
    fields: dict[str, object] = {f"setup.droplet.{name}": None for name in _OF_THE_DROPLET}
    if customer.setup.droplet.ip is not None:
        # One that was never up may be a droplet that is only late: it is looked for before another is made.
        fields["setup.droplet.requestedAt"] = None
    fields |= dict.fromkeys(_OF_THE_SERVER)
    if customer.setup.resize is not None:
        fields["setup.resize"] = None
    if customer.setup.system_update is not None:
        fields["setup.systemUpdate"] = None
    if customer.setup.upgrade is not None:
        fields["setup.upgrade"] = None
    return {**fields, "setup.waiting": None, **to_do_anew(customer)}


def changed_by(record: Record, fields: Mapping[str, object]) -> dict[str, object]:
    """Those of these fields that are not so in the record already."""
    return {path: value for path, value in fields.items() if record.get(path) != value}
