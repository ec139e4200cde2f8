"""A sandbox's folder on disk: who holds it, where its ports and tokens are kept, what a crash left in it."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from provisioner.errors import SandboxError
from provisioner.filesystem.flock import hold

SYSTEM_FOLDER: Final = Path("/var/lib/provisioner-sandbox")
ALREADY_UP: Final = "it is up already"
_LONGEST_SOCKET_PATH: Final = 100
"""The kernel takes 108 bytes, some systems 104."""

_ADDED_LATER: Final = frozenset(
    {"manager", "stripe_key", "stripe_webhook", "stripe_live_key", "stripe_live_webhook", "openrouter"}
)
"""The tokens that the first sandboxes did not have."""


@dataclass(frozen=True)
class Tokens:
    """The secrets of one sandbox, made when it is first started."""

    digitalocean: str
    anthropic: str
    mail_user: str
    mail_password: str
    manager: str
    """What follows the colon in the token of the bot that manages others."""
    stripe_key: str
    stripe_webhook: str
    stripe_live_key: str
    stripe_live_webhook: str
    openrouter: str
    """The management key, which makes the keys that buy answers."""

    @classmethod
    def fresh(cls) -> "Tokens":
        return cls(
            digitalocean=f"dop_v1_{secrets.token_hex(32)}",
            anthropic=f"sk-ant-sandbox-{secrets.token_urlsafe(24)}",
            mail_user="provisioner",
            mail_password=secrets.token_urlsafe(18),
            manager=f"AA{secrets.token_hex(17)[1:]}",
            stripe_key=f"sk_test_{secrets.token_hex(24)}",
            stripe_webhook=f"whsec_{secrets.token_hex(24)}",
            stripe_live_key=f"sk_live_{secrets.token_hex(24)}",
            stripe_live_webhook=f"whsec_{secrets.token_hex(24)}",
            openrouter=f"sk-or-v1-{secrets.token_hex(32)}",
        )


@dataclass(frozen=True)
class Ports:
    """Where it listened last, to listen there again; 0 is any free port."""

    http: int = 0
    smtp: int = 0


class StateFolder:
    """The folder of one sandbox; only its owner may look into it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.control = self.path / "control.sock"
        self.log = self.path / "sandbox.log"
        self._lock = self.path / "lock"
        self._ports = self.path / "ports.json"
        self._tokens = self.path / "tokens.json"
        self._machines_mark = self.path / "has-machines"

    @property
    def sandbox_id(self) -> str:
        """Tells the things of this sandbox on the host from those of any other."""
        return str(self.path)

    def prepare(self) -> None:
        if len(os.fsencode(self.control)) > _LONGEST_SOCKET_PATH:
            hint = "choose a shorter folder with --state"
            raise SandboxError(
                "start the sandbox", whom=str(self.path), cause="its path is too long", hint=hint
            )
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
        except OSError as error:
            hint = "choose a folder of your own with --state, or run it as root"
            raise SandboxError("start the sandbox", whom=str(self.path), cause=error, hint=hint) from error

    def hold(self, *, wait: float = 0) -> IO[str] | None:
        """Take the folder for as long as the returned file is open, or the process lives.

        None when another process has it, and still has it after `wait` seconds.
        """
        return hold(self._lock, wait=wait)

    def write_pid(self, held: IO[str]) -> None:
        held.seek(0)
        held.truncate()
        held.write(f"{os.getpid()}\n")
        held.flush()

    def begin_log(self) -> None:
        """Forget what an earlier process wrote; only the holder may, others write to the same file."""
        if self.log.exists():
            os.truncate(self.log, 0)

    def pid(self) -> int | None:
        """The process that held the folder last; alive only if `hold` gives None."""
        try:
            return int(self._lock.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def exists(self) -> bool:
        """Whether there is anything to take down: a half-deleted folder may have lost its lock."""
        return self._lock.exists() or self.has_machines

    def tokens(self) -> Tokens:
        """Those of the last start, or new ones."""
        fresh = Tokens.fresh()
        if not self._tokens.exists():
            self._write(self._tokens, json.dumps(asdict(fresh)))
            return fresh
        known = json.loads(self._tokens.read_text())
        # A sandbox of before it had one of them gets it.
        added = {name: value for name, value in asdict(fresh).items() if name in _ADDED_LATER}
        tokens = Tokens(**{**added, **known})
        if asdict(tokens) != known:
            self._write(self._tokens, json.dumps(asdict(tokens)))
        return tokens

    def ports(self) -> Ports:
        return Ports(**json.loads(self._ports.read_text())) if self._ports.exists() else Ports()

    def keep_ports(self, ports: Ports) -> None:
        self._write(self._ports, json.dumps(asdict(ports)))

    @property
    def has_machines(self) -> bool:
        """Whether real machines were begun here and not cleaned away since."""
        return self._machines_mark.exists()

    @contextmanager
    def marked_for_machines(self) -> Iterator[None]:
        """While the block runs, a crash leaves a mark that there may be machines to clean away."""
        self._machines_mark.touch(mode=0o600)
        yield
        self._machines_mark.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Take away what a process that is gone has left; the caller holds the folder."""
        self.control.unlink(missing_ok=True)
        if self.has_machines:
            from provisioner.sandbox.machines import nspawn

            nspawn.sweep(self.path, self.sandbox_id)
            self._machines_mark.unlink(missing_ok=True)

    def _write(self, path: Path, text: str) -> None:
        written = path.with_suffix(".new")
        written.unlink(missing_ok=True)
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        written.replace(path)


def folder_named(name: str) -> Path:
    """Where the sandbox of this name is kept: for root in the system, for others in their own home."""
    if not name or "/" in name or name.startswith("."):
        raise SandboxError(
            "find the sandbox", whom=name, cause="a name has no slash and does not begin with a dot"
        )
    if os.geteuid() == 0:
        return SYSTEM_FOLDER / name
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(home) / "provisioner-sandbox" / name
