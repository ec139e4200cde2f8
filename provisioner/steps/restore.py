"""The step restore: a backup in the place of what is on the customer's server."""

from collections.abc import Iterator
from pathlib import Path

from provisioner.backups.errors import BackupError
from provisioner.backups.folder import blocks_of
from provisioner.backups.scripts import receive, shipped_script
from provisioner.customers.parts.setup import Restore
from provisioner.customers.record import Customer
from provisioner.failpoints import failpoint
from provisioner.filesystem.durable import explained
from provisioner.messaging.registry import channel_of
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.backup import recorded
from provisioner.timestamps import now

_SENDING_SECONDS = 3600.0
_PLACING_SECONDS = 1800.0


class RestoreBackup(Step):
    """Brings back the backup that the record names, if it names one."""

    name = "restore"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return customer.setup.restore is None or customer.setup.restore.placed_at is not None

    def plan(self, work: Work) -> list[Planned]:
        restore = work.customer.setup.restore
        return [Planned(f"bring back {restore.file}" if restore else "bring nothing back", bool(restore))]

    def run(self, work: Work) -> Outcome:
        restore = work.customer.setup.restore
        assert restore is not None, "it is not done"
        _send(work, restore)
        work.say("putting it in its place")
        failpoint("before a backup is put in its place")
        identifier = "".join(filter(str.isdigit, restore.requested_at))
        script = shipped_script("restore.bash", identifier, restore.sha256)
        work.server.run(script, timeout=_PLACING_SECONDS)
        failpoint("after a backup is put in its place")
        work.record(
            "backup_restored",
            f"{Path(restore.file).name} is in the place of what was there",
            {
                "setup.restore.placedAt": now(),
                "setup.moltbot.installed": False,
                "setup.messaging.connected": False,
            },
        )
        return Done()


class CloseRestore(Step):
    """Tells the customer, when the setup has gone over what was brought back."""

    name = "told"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return customer.setup.restore is None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("tell the customer", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        restore = work.customer.setup.restore
        assert restore is not None, "it is not done"
        entry = recorded(work.customer, Path(restore.file).name)
        text = work.text("restored.txt", {"taken_on": entry.taken_at[:10] if entry else ""})
        work.record(
            "restore_complete", "The assistant works with what was brought back", {"setup.restore": None}
        )
        channel_of(work.customer).tell(work, text)
        return Done()


def _send(work: Work, restore: Restore) -> None:
    path, whom = Path(restore.file), work.customer.email
    with explained("read the backup", whom):
        size = path.stat().st_size
    work.say(f"sending {size / 1e6:.1f} MB")
    failpoint("before a backup is sent")
    arrived = work.server.send(receive(size), _blocks(path, whom), timeout=_SENDING_SECONDS)
    failpoint("after a backup is sent")
    if arrived.split()[:1] != [restore.sha256]:
        cause = f"what arrived is not what was asked for: {path} was changed meanwhile"
        raise BackupError("send the backup", whom=whom, cause=cause)


def _blocks(path: Path, whom: str) -> Iterator[bytes]:
    with explained("read the backup", whom):
        yield from blocks_of(path)
