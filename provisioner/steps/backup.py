"""The step backup: the assistant's state, taken beside its running gateway, fetched, compared and opened."""

from dataclasses import dataclass
from pathlib import Path

from provisioner.actor import actor
from provisioner.backups.archive import Opened, open_backup
from provisioner.backups.errors import BackupError
from provisioner.backups.folder import BackupFolder, Receiving
from provisioner.backups.retention import Taken, superseded
from provisioner.backups.scripts import FORGET, READ, shipped_script
from provisioner.customers.parts.upkeep import Backup
from provisioner.customers.record import Customer
from provisioner.errors import RemoteError
from provisioner.failpoints import failpoint
from provisioner.filesystem.durable import explained
from provisioner.settings import Settings
from provisioner.ssh.json_answers import misfit, parse_json, unfit
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.timestamps import now, present

FOLDER = "backups"
"""Where the workspace's state has the backups of all customers, each in a folder named after their id."""
_MAKING_SECONDS = 1800.0
_DOING = "back the assistant up"
_AGAIN = "run the same command again"


class TakeBackup(Step):
    """Takes a new backup, and lets go of those that the policy does not keep."""

    name = "backup"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        """Never: each run takes another one."""
        return False

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("take a backup", needed=True)]

    def run(self, work: Work) -> Outcome:
        take_backup(work)
        return Done()


def take_backup(work: Work) -> str:
    """Take one; the name of its file, which is in the record when this returns.

    A lost connection, a full disk or a kill leaves what was there before, and nothing that looks whole.
    """
    folder = backups_of(work)
    made = _make(work)
    folder.demand_room(made.size)
    with folder.receiving() as received:
        opened = _receive(work, received, made)
        name = folder.next_name(present())
        folder.keep(received, name)
    _record(work, folder, name, made, opened)
    _forget_there(work)
    return name


def backups_of(work: Work) -> BackupFolder:
    """The files of the customer's backups."""
    return BackupFolder(work.state_folder(FOLDER), work.customer.id, work.customer.email)


@dataclass(frozen=True)
class _Made:
    """What the server says of the backup that it has made; `size` in bytes."""

    size: int
    sha256: str


def _make(work: Work) -> _Made:
    work.say("having the assistant's state packed")
    failpoint("before a backup is made")
    text = work.server.run(shipped_script("create.bash"), timeout=_MAKING_SECONDS)
    failpoint("after a backup is made")
    said = parse_json(text, doing=_DOING, whom=work.customer.email)
    wrong = misfit(said, {"size": int, "sha256": str})
    if wrong:
        raise unfit(_DOING, work.customer.email, wrong)
    most = work.settings.backup.largest_megabytes * 1_000_000
    if not 0 < said["size"] <= most:
        cause = (
            f"it has {said['size'] / 1e6:.0f} MB, and [backup] largest_megabytes allows {most // 1_000_000}"
        )
        raise BackupError(_DOING, whom=work.customer.email, cause=cause, hint="raise it in provisioner.toml")
    return _Made(said["size"], said["sha256"])


def _receive(work: Work, received: Receiving, made: _Made) -> Opened:
    """Have the file whole, compared and opened; it has no name yet."""
    work.say(f"fetching {made.size / 1e6:.1f} MB")

    def take(data: bytes) -> None:
        with explained("keep the backup", work.customer.email):
            received.write(data)

    work.server.fetch(READ, take, most=made.size)
    failpoint("after a backup is received")
    if (received.size, received.sha256) != (made.size, made.sha256):
        cause = f"what came ({received.size} bytes) is not what the server has ({made.size} bytes)"
        raise BackupError("fetch the backup", whom=work.customer.email, cause=cause, hint=_AGAIN, retry=True)
    return open_backup(received.path, work.customer.email)


def _record(work: Work, folder: BackupFolder, name: str, made: _Made, opened: Opened) -> None:
    """Write the new one down, without those that go now; then they go."""
    customer, policy = work.customer, work.settings.backup
    taken = [Taken(one.name, one.taken_at) for one in folder.all()]
    going = superseded(taken, policy.daily, policy.weekly, protected(customer))
    entry = {
        "file": name,
        "takenAt": now(),
        "size": made.size,
        "sha256": made.sha256,
        "version": opened.version,
        "dropletId": customer.setup.droplet.id,
    }
    there = {one.name for one in taken} - set(going)
    kept = [
        one.model_dump(by_alias=True) for one in customer.backups if one.file in there and one.file != name
    ]
    work.record(
        "backup_taken",
        f"{name}, {made.size / 1e6:.1f} MB, by {actor()}",
        {"backups": [*kept, entry]},
    )
    for old in going:
        folder.remove(old)


def protected(customer: Customer) -> list[str]:
    """The names of the backups that stay whatever the policy says.

    The last one of who has left or leaves, the one that is being brought back, the one before an upgrade that
    is under way, and the last one of the server before this one: what a new server packs may be an assistant
    that knows nothing yet.
    """
    leaving, restore, upgrade = customer.leaving, customer.setup.restore, customer.setup.upgrade
    earlier = [one.file for one in customer.backups if one.droplet_id != customer.setup.droplet.id]
    names = [leaving and leaving.backup, restore and Path(restore.file).name, upgrade and upgrade.backup]
    return [name for name in (*names, *earlier[-1:]) if name]


def _forget_there(work: Work) -> None:
    """It is here: what stays of it there only takes room, and the next one removes it."""
    try:
        work.server.run(FORGET)
    except RemoteError as problem:
        work.say(f"the copy on the server is still there: {problem.cause}")


def recorded(customer: Customer, name: str) -> Backup | None:
    """What the record says of the backup in this file."""
    return next((one for one in customer.backups if one.file == name), None)
