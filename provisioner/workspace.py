"""The workspace: the folder with `provisioner.toml`, `customers/` and `playbooks/`."""

import contextlib
import os
import re
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.boundaries import cross
from provisioner.commands import command
from provisioner.customers.files import PRIVATE_FILE, PRIVATE_FOLDER, Files, explained
from provisioner.customers.names import ACTIVE, ARCHIVE
from provisioner.errors import SettingsError
from provisioner.shipped import shipped

if TYPE_CHECKING:
    from provisioner.customers.store import CustomerStore

SETTINGS_FILE = "provisioner.toml"
ENVIRONMENT = "PROVISIONER_WORKSPACE"
MARK_FILE = ".workspace-id"
_MARK = re.compile(r"[a-z0-9][a-z0-9-]{2,40}")


@dataclass(frozen=True)
class Workspace:
    """The places in one workspace."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None, explicit: Path | None = None) -> "Workspace":
        """The workspace at `explicit`, else at `PROVISIONER_WORKSPACE`, else from `start` upwards.

        `start` is the current folder if it is not given. SettingsError if there is none.
        """
        named = explicit or _from_environment()
        if named is not None:
            return cls._at(named)
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / SETTINGS_FILE).is_file():
                return cls(folder)
        raise SettingsError(
            "find the workspace",
            cause=f"neither {here} nor a folder above it has a {SETTINGS_FILE}",
            hint="provisioner init makes this folder one; --workspace DIR names another",
        )

    @classmethod
    def _at(cls, folder: Path) -> "Workspace":
        root = folder.expanduser().resolve()
        if not (root / SETTINGS_FILE).is_file():
            raise SettingsError(
                "find the workspace", cause=f"{root} has no {SETTINGS_FILE}", hint=command("init", str(root))
            )
        return cls(root)

    def mark(self) -> str:
        """What tells this workspace's droplets from another's in the same account; made when first needed.

        It stands among the records, so that a copy of them has it too. RecordError or SettingsError if it
        cannot be made, or is none.
        """
        path = self.customers_dir / MARK_FILE
        with explained("mark the workspace", str(path)):
            if not path.is_file():
                cross("before the workspace's mark")
                _make_file(path, f"w{secrets.token_hex(4)}\n", 0o666)
                Files().sync_folder(path.parent)
                cross("after the workspace's mark")
            mark = path.read_text("utf-8").strip()
        if not _MARK.fullmatch(mark):
            hint = "put back the file from a backup: the droplets' tags workspace:… have what stood in it"
            raise SettingsError("read the workspace's mark", whom=str(path), cause="it is none", hint=hint)
        return mark

    @property
    def customers_dir(self) -> Path:
        return self.root / "customers"

    @property
    def playbooks_dir(self) -> Path:
        return self.root / "playbooks"

    @property
    def state_dir(self) -> Path:
        return self.root / ".provisioner"

    @property
    def locks_dir(self) -> Path:
        return self.state_dir / "locks"

    @property
    def runs_dir(self) -> Path:
        return self.state_dir / "runs"

    @property
    def rates_dir(self) -> Path:
        return self.state_dir / "rates"

    @property
    def manager_dir(self) -> Path:
        return self.state_dir / "manager"

    @property
    def ssh_dir(self) -> Path:
        return self.state_dir / "ssh"

    @property
    def settings_file(self) -> Path:
        return self.root / SETTINGS_FILE

    def store(self) -> "CustomerStore":
        """The records of this workspace."""
        from provisioner.customers.store import CustomerStore

        return CustomerStore(self.customers_dir, self.locks_dir)


def init_workspace(folder: Path) -> tuple[Workspace, list[Path]]:
    """Make `folder` a workspace, with an SSH key for the operator; returns it and what was made.

    What is there stays as it is, to the byte, so that it can be run again at any time.
    """
    workspace = Workspace(folder.expanduser().resolve())
    with explained("make the workspace", str(workspace.root)):
        made = [path for path, mode in _folders(workspace) if _make_folder(path, mode)]
        made += [path for path, text, mode in _texts(workspace) if _make_file(path, text, mode)]
        made += _make_key(workspace)
    return workspace, made


def _folders(workspace: Workspace) -> list[tuple[Path, int]]:
    customers = workspace.customers_dir
    private = (customers / ACTIVE, customers / ARCHIVE, workspace.state_dir, *_state_folders(workspace))
    return [(workspace.root, 0o777), (customers, PRIVATE_FOLDER), (workspace.playbooks_dir, 0o777)] + [
        (path, PRIVATE_FOLDER) for path in private
    ]


def _state_folders(workspace: Workspace) -> tuple[Path, ...]:
    return workspace.locks_dir, workspace.runs_dir, workspace.ssh_dir


def _texts(workspace: Workspace) -> list[tuple[Path, str, int]]:
    from provisioner.settings import DEFAULT_TOML

    customers = workspace.customers_dir
    # Each folder guards itself too, for where a .gitignore of the operator's own stands above it.
    return [
        (workspace.settings_file, DEFAULT_TOML, 0o666),
        (
            workspace.root / ".gitignore",
            "/.env\n/.provisioner/\n/customers/active/\n/customers/archive/\n",
            0o666,
        ),
        (customers / ".gitignore", f"/{ACTIVE}/\n/{ARCHIVE}/\n", 0o666),
        (workspace.state_dir / ".gitignore", "*\n", 0o666),
        *(
            (customers / name, _shipped_text(f"customers/{name}"), 0o666)
            for name in ("README.md", "TEMPLATE.json")
        ),
    ]


def _make_key(workspace: Workspace) -> list[Path]:
    from provisioner.remote.keys import generate_keypair, public_half

    private = workspace.ssh_dir / "id_ed25519"
    public = workspace.ssh_dir / "id_ed25519.pub"
    made = []
    if not private.exists() and not public.exists():
        _make_file(private, generate_keypair("provisioner").private, PRIVATE_FILE)
        made.append(private)
    if private.exists() and not public.exists():
        _make_file(public, f"{public_half(private.read_text('ascii'))} provisioner\n", 0o666)
        made.append(public)
    return made


def _shipped_text(name: str) -> str:
    return shipped(name).read_text("utf-8")


def _from_environment() -> Path | None:
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else None


def _make_folder(path: Path, mode: int) -> bool:
    if path.is_dir():
        return False
    path.mkdir(mode=mode, parents=True)
    return True


def _make_file(path: Path, text: str, mode: int) -> bool:
    """Whole or not at all, and never over another one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
            return True
        return False
    finally:
        temporary.unlink()
