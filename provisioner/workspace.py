"""The workspace: the folder with `provisioner.toml`, `customers/` and `playbooks/`."""

import contextlib
import functools
import os
import re
import shlex
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.customers.files.file_names import ACTIVE, ARCHIVE
from provisioner.errors import SettingsError
from provisioner.failpoints import failpoint
from provisioner.filesystem.durable import PRIVATE_FILE, PRIVATE_FOLDER, Files, explained, refused
from provisioner.filesystem.textfiles import read_text
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.store import CustomerStore

SETTINGS_FILE = "provisioner.toml"
ENVIRONMENT = "PROVISIONER_WORKSPACE"
MARK_FILE = ".workspace-id"
_MARK = re.compile(r"[a-z0-9][a-z0-9-]{2,40}")
# Endpoints, what runs on servers, which servers, and what customers are told to do.
_SAYS_WHERE = (SETTINGS_FILE, ".env", "playbooks", "customers", "texts")


_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """The path of a file or folder that comes with the product, such as `customers/README.md`.

    In a wheel it stands beside the code, else in the source tree.
    """
    packed = _PACKAGE / "_shipped" / name
    return packed if packed.exists() else _PACKAGE.parent / name


@dataclass(frozen=True)
class Workspace:
    """The places in one workspace."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None, explicit: Path | None = None) -> "Workspace":
        """The workspace at `explicit`, else at `PROVISIONER_WORKSPACE`, else from `start` upwards.

        `start` is the current folder if it is not given. SettingsError if there is none. As with git, one
        that is named is trusted by that word; one that is only met on the way up has to be our own.
        """
        named = explicit or _from_environment()
        if named is not None:
            return cls._at(named)
        here = _resolved(start or _current())
        for folder in (here, *here.parents):
            if _is_settings_file(folder / SETTINGS_FILE):
                refuse_strangers(folder)
                return cls(folder)
        raise SettingsError(
            "find the workspace",
            cause=f"neither {here} nor a folder above it has a {SETTINGS_FILE}",
            hint="provisioner init makes this folder one; --workspace DIR names another",
        )

    @classmethod
    def _at(cls, folder: Path) -> "Workspace":
        root = _resolved(folder)
        if not _is_settings_file(root / SETTINGS_FILE):
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
                failpoint("before the workspace's mark")
                _make_file(path, f"w{os.urandom(4).hex()}\n", 0o666)
                Files().sync_folder(path.parent)
                failpoint("after the workspace's mark")
        mark = read_text(path, "read the workspace's mark").strip()
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
    def ssh_dir(self) -> Path:
        return self.state_dir / "ssh"

    @property
    def settings_file(self) -> Path:
        return self.root / SETTINGS_FILE

    def store(self) -> "CustomerStore":
        """The records of this workspace; the same store for everybody in this process."""
        return _store(self.customers_dir, self.locks_dir)


@functools.lru_cache(maxsize=8)
def _store(customers_dir: Path, locks_dir: Path) -> "CustomerStore":
    from provisioner.customers.files.file_store import FileStore

    return FileStore(customers_dir, locks_dir)


def refuse_strangers(folder: Path) -> None:
    """SettingsError if another user than us, or root, can say where this workspace sends its secrets."""
    for path in (folder, *(folder / name for name in _SAYS_WHERE)):
        owner = _owner(path)
        if owner is not None and owner not in _ourselves():
            raise SettingsError(
                "use the workspace",
                cause=f"{path} belongs to {name_of_user(owner)}, who could have your secrets sent anywhere",
                hint=f"if you trust it, name it: --workspace {shlex.quote(str(folder))}, or {ENVIRONMENT}=…",
            )


def _ourselves() -> set[int]:
    """Root may change everything anyway; who called sudo is the one for whom root works."""
    caller = os.environ.get("SUDO_UID", "") if os.geteuid() == 0 else ""
    return {0, os.geteuid(), *([int(caller)] if caller.isdecimal() else [])}


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise refused(problem, "use the workspace", str(path.parent)) from None


def name_of_user(owner: int) -> str:
    import pwd

    try:
        return f"the user {pwd.getpwuid(owner).pw_name}"
    except KeyError:
        return f"the user {owner}"


def _is_settings_file(path: Path) -> bool:
    """Whether a workspace's settings are there; SettingsError for what is in their place and is no file."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise _no_file(path, "a link to a file that is not there") from None
        return False
    except OSError as problem:
        raise _no_file(path, problem.strerror or str(problem)) from None
    if not stat.S_ISREG(status.st_mode):
        raise _no_file(path, "not a plain file")
    return True


def _no_file(path: Path, cause: str) -> SettingsError:
    hint = "put the file back; if it is another user's, run as the one who owns the workspace"
    return SettingsError("find the workspace", whom=str(path), cause=cause, hint=hint)


def _resolved(folder: Path) -> Path:
    try:
        return folder.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as problem:
        raise SettingsError("find the workspace", whom=str(folder), cause=problem) from None


def _current() -> Path:
    try:
        return Path.cwd()
    except OSError:
        hint = "change to a folder that is there, or name one: --workspace DIR"
        raise SettingsError("find the workspace", cause="the current folder is gone", hint=hint) from None


def init_workspace(folder: Path, contact: str | None = None) -> tuple[Workspace, list[Path]]:
    """Make `folder` a workspace, with an SSH key for the operator; returns it and what was made.

    `contact` is where customers write to, for settings that are made here.
    What is there stays as it is, to the byte, so that it can be run again at any time.
    """
    workspace = Workspace(_resolved(folder))
    with explained("make the workspace", str(workspace.root)):
        made = [path for path, mode in _folders(workspace) if _make_folder(path, mode)]
        made += [path for path, text, mode in _texts(workspace, contact) if _make_file(path, text, mode)]
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


def _texts(workspace: Workspace, contact: str | None) -> list[tuple[Path, str, int]]:
    from provisioner.settings import default_toml

    customers = workspace.customers_dir
    # Each folder guards itself too, for where a .gitignore of the operator's own stands above it.
    return [
        (workspace.settings_file, default_toml(contact), 0o666),
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
    from provisioner.ssh.keys import generate_keypair, operator_key

    private = workspace.ssh_dir / "id_ed25519"
    public = workspace.ssh_dir / "id_ed25519.pub"
    made = []
    if not private.exists() and not public.exists():
        _make_file(private, generate_keypair("provisioner").private, PRIVATE_FILE)
        made.append(private)
    if private.exists() and not public.exists():
        _make_file(public, f"{operator_key(private).public} provisioner\n", 0o666)
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
            Files().sync_folder(path.parent)
            return True
        return False
    finally:
        temporary.unlink()
