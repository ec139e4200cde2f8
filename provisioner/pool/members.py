"""The servers that belong to nobody yet: each has a file of its own, from before it is asked for.

Who takes one writes so into its file, then into the customer's record, and then removes the file; all of that
under one lock. So whatever a kill leaves, the record says whose a server is: one that a record has is nobody
else's, although its file is still there.
"""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioner.customers.store import CustomerStore
from provisioner.errors import InputError, RecordError
from provisioner.failpoints import failpoint
from provisioner.filesystem.durable import Files, explained, write_durably
from provisioner.filesystem.locks import Holder, holder_of, locked
from provisioner.pool.recipe import Kind
from provisioner.timestamps import now

_WHOM = "the pool"
_NAME = re.compile(r"moltbot-pool-[0-9a-f]{8}")
_CHOOSING_SECONDS = 30.0
"""How long to wait for who is just taking another one: that is two writes to a disk."""


@dataclass(frozen=True)
class Member:
    """One server. What is None has not happened yet; moments are in UTC, as text."""

    name: str
    """Of the droplet, until somebody takes it."""
    region: str
    size: str
    digest: str
    """Of what it is made of."""
    begun_at: str
    image: str | None = None
    """What it was asked for with: a slug, or a snapshot's id."""
    droplet_id: str | None = None
    requested_at: str | None = None
    host_key: str | None = None
    address: str | None = None
    ready_at: str | None = None
    """From here on it may be taken."""
    taken_by: str | None = None
    """The id of the customer whose record is just being written."""
    leaving: str | None = None
    """Why it is being destroyed: from here on nobody takes it."""

    @property
    def kind(self) -> Kind:
        return Kind(self.region, self.size, self.digest)

    @property
    def is_free(self) -> bool:
        """Whether it may be taken, as far as it knows itself."""
        return self.ready_at is not None and self.leaving is None


def new_member(kind: Kind) -> Member:
    """One that is about to be asked for."""
    name = f"moltbot-pool-{secrets.token_hex(4)}"
    return Member(name, kind.region, kind.size, kind.digest, begun_at=now())


class Members:
    """All that are written down in a folder, and the locks under which they are changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = Files()

    def all(self) -> list[Member]:
        """The oldest first; RecordError if one cannot be understood."""
        with explained("read the pool", str(self._folder)):
            names = [one.stem for one in self._folder.glob("*.json")]
        found = [member for name in names if (member := self.read(name)) is not None]
        return sorted(found, key=lambda one: (one.begun_at, one.name))

    def read(self, name: str) -> Member | None:
        """As it is written down now; None if it is not there any more."""
        path = self._path(name)
        try:
            raw = self._files.read(path).raw
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise _unreadable(path, problem) from None
        try:
            return Member(**json.loads(raw))
        except (ValueError, TypeError, RecursionError) as problem:
            raise _unreadable(path, problem) from None

    def write(self, member: Member) -> None:
        """On disk when this returns. The caller holds the lock that its change needs."""
        path = self._path(member.name)
        with explained("write the pool", str(path)):
            self._files.make_folder(self._folder)
            text = json.dumps(asdict(member), indent=2) + "\n"
            write_durably(self._files, path, text.encode(), self._files.stamp(path))

    def forget(self, name: str) -> None:
        """It is somebody's now, or destroyed; nothing happens if it is not written down."""
        path = self._path(name)
        if self._files.stamp(path) is None:
            return
        failpoint("before a server leaves the pool")
        with explained("write the pool", str(path)):
            self._files.remove(path)
            self._files.sync_folder(self._folder)
        failpoint("after a server leaves the pool")

    @contextmanager
    def choosing(self, doing: str) -> Iterator[None]:
        """Be the only one who decides whose a server is, for a moment; BusyError if that lasts too long."""
        with locked(self._folder / "choosing.lock", doing, _WHOM, _CHOOSING_SECONDS):
            yield

    @contextmanager
    def filling(self, doing: str) -> Iterator[None]:
        """Be the only process that makes and destroys them; BusyError names the one that does."""
        with locked(self._folder / "filling.lock", doing, _WHOM, 0.25):
            yield

    def filler(self) -> Holder | None:
        """Who makes or destroys them now; None if nobody alive does."""
        return holder_of(self._folder / "filling.lock")

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            cause = f"{name} is no server's name, as moltbot-pool-0123abcd is"
            raise InputError("look at the pool", cause=cause, hint="provisioner pool status lists them")
        return self._folder / f"{name}.json"


def has_owner(store: CustomerStore, member: Member) -> bool:
    """Whether a record has this server, or may have it.

    A broken record may: it counts where somebody had begun to take the server, and their end is not known.
    """
    if member.droplet_id is None:
        return False
    having = store.having(("droplet", member.droplet_id))
    return any(one.customer is not None or member.taken_by is not None for one in having)


def _unreadable(path: Path, problem: Exception) -> RecordError:
    hint = "provisioner doctor shows servers that no record and no such file has; put it back, or delete it"
    return RecordError("read the pool", whom=str(path), cause=problem, hint=hint)
