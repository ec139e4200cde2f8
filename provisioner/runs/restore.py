"""Writing down which backup is to be brought back, before anything is done about it."""

from pathlib import Path

from provisioner.actor import actor
from provisioner.backups.archive import open_backup
from provisioner.backups.folder import BackupFolder, digest_of
from provisioner.customers.record import Customer
from provisioner.customers.versions import is_older
from provisioner.errors import InputError
from provisioner.filesystem.durable import explained
from provisioner.printable import command
from provisioner.runs.admission import demand_allowed
from provisioner.runs.workflow import RESTORE
from provisioner.steps.backup import FOLDER, recorded
from provisioner.timestamps import now
from provisioner.workspace import Workspace


def ask_to_restore(workspace: Workspace, who: str, file: str | None) -> Customer:
    """The customer, in whose record it is; one that is under way goes on unless another file is named.

    InputError if there is none, or if it is not what was recorded.
    """
    store = workspace.store()
    customer = demand_allowed(RESTORE, store.find(who), RESTORE.doing)
    if customer.setup.restore is not None and file is None:
        return customer
    path = _chosen(workspace, customer, file)
    with explained("read the backup", customer.email):
        digest = digest_of(path)
    entry = recorded(customer, path.name)
    if entry is not None and entry.sha256 != digest:
        raise _refused(customer, f"{path} is not what was recorded: it was changed, or is broken", None)
    version = open_backup(path, customer.email).version
    _demand_not_newer(customer, version)
    with store.edit(customer.id, RESTORE.doing) as record:
        request = {"file": str(path), "sha256": digest, "requestedAt": now()}
        record.update({"setup.restore": request})
        record.add_event("restore_requested", path.name, by=actor())
    return record.customer


def _chosen(workspace: Workspace, customer: Customer, file: str | None) -> Path:
    folder = BackupFolder(workspace.state_dir / FOLDER, customer.id, customer.email)
    backups = folder.all()
    if file is None:
        if not backups:
            raise _refused(customer, f"there is no backup in {folder.path}", "name a file")
        return backups[-1].path.resolve()
    for path in (folder.file(file), Path(file)):
        if path.is_file():
            return path.resolve()
    names = ", ".join(one.name for one in backups) or "none"
    raise _refused(customer, f"there is no {file}", f"those that are kept: {names}")


def _demand_not_newer(customer: Customer, version: str | None) -> None:
    """What newer software has written, older software may not read."""
    there = customer.setup.moltbot.version
    if version is None or there is None or not is_older(there, version):
        return
    cause = f"it was made by version {version}, and the server has {there}"
    upgrade = command("upgrade", customer.email, options=f"--version {version}")
    hint = f"have the newer one there first: {upgrade}"
    raise _refused(customer, cause, hint)


def _refused(customer: Customer, cause: str, hint: str | None) -> InputError:
    return InputError(RESTORE.doing, whom=customer.email, cause=cause, hint=hint)
