"""One customer's backups as files: whole ones under their names, and at most one that is being received.

What is being received has another name until it was compared and opened, and is on disk: no half backup ever
looks whole. Nothing that is not named like a backup is touched.
"""

import contextlib
import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from provisioner.backups.errors import BackupError
from provisioner.failpoints import failpoint
from provisioner.filesystem.durable import Files, explained

_NAME = re.compile(r"\d{8}T\d{6}Z\.tar\.gz")
_FORMAT = "%Y%m%dT%H%M%SZ.tar.gz"
_RECEIVED = ".receiving"
_BLOCK = 1 << 20
_KEPT_FREE = 64 << 20
"""What is left to others on the disk."""


@dataclass(frozen=True)
class BackupFile:
    """A whole backup; `size` in bytes."""

    path: Path
    taken_at: datetime
    size: int

    @property
    def name(self) -> str:
        return self.path.name


class Receiving:
    """A backup that is coming in, with the digest of what has come."""

    def __init__(self, path: Path, handle: int, files: Files) -> None:
        self.path = path
        self.size = 0
        self._handle = handle
        self._files = files
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Append it; OSError."""
        self._digest.update(data)
        self.size += len(data)
        rest = data
        while rest:
            rest = rest[self._files.write(self._handle, rest) :]

    def sync(self) -> None:
        """Have it on disk; OSError."""
        self._files.sync(self._handle)


class BackupFolder:
    """The backups of the customer with this id; whoever adds to them has claimed the customer."""

    def __init__(self, root: Path, customer_id: str, whom: str) -> None:
        self.path = root / customer_id
        self._whom = whom
        self._files = Files()

    def all(self) -> list[BackupFile]:
        """Every whole one, the oldest first; one that goes meanwhile is left out."""
        return sorted(backups_in(self.path), key=lambda one: one.taken_at)

    def file(self, name: str) -> Path:
        """Where the backup of this name is, if it is there."""
        return self.path / name

    def next_name(self, moment: datetime) -> str:
        """The name for one that is taken at this moment: after all that are there."""
        latest = max((one.taken_at + timedelta(seconds=1) for one in self.all()), default=moment)
        return max(moment, latest).astimezone(UTC).strftime(_FORMAT)

    def demand_room(self, size: int) -> None:
        """BackupError unless so many bytes fit on the disk, and some more."""
        with explained("keep the backup", self._whom):
            self._files.make_folder(self.path.parent)
            self._files.make_folder(self.path)
            free = shutil.disk_usage(self.path).free
        if free < size + _KEPT_FREE:
            cause = f"it has {size / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free at {self.path}"
            hint = "free some space on the disk, then run the same command again"
            raise BackupError("keep the backup", whom=self._whom, cause=cause, hint=hint)

    @contextmanager
    def receiving(self) -> Iterator[Receiving]:
        """One that is coming in; removed at the end of the block unless `keep` has given it its name."""
        path = self.path / _RECEIVED
        with explained("keep the backup", self._whom):
            self._files.remove(path)
            handle = self._files.create(path)
        try:
            failpoint("before a backup is received")
            yield Receiving(path, handle, self._files)
        finally:
            self._files.close(handle)
            with contextlib.suppress(OSError):
                self._files.remove(path)

    def keep(self, received: Receiving, name: str) -> Path:
        """Give it its name, on disk when this returns. It was compared and opened."""
        target = self.file(name)
        with explained("keep the backup", self._whom):
            received.sync()
            failpoint("before a backup gets its name")
            self._files.rename(received.path, target)
            self._files.sync_folder(self.path)
        failpoint("after a backup got its name")
        return target

    def remove(self, name: str) -> None:
        """Nothing happens if it is not there."""
        assert _NAME.fullmatch(name), "only backups go"
        failpoint("before a backup is removed")
        with explained("remove the backup", self._whom):
            self._files.remove(self.file(name))

    def clear(self) -> None:
        """Remove all of them, and what is left of one that was coming in."""
        for one in self.all():
            self.remove(one.name)
        failpoint("before the rest of a backup is removed")
        with explained("remove the backup", self._whom):
            self._files.remove(self.path / _RECEIVED)


def backups_in(folder: Path) -> Iterator[BackupFile]:
    """The whole backups in one customer's folder; none if it is not there."""
    try:
        files = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return
    for path in files:
        with contextlib.suppress(FileNotFoundError, ValueError):
            taken_at = datetime.strptime(path.name, _FORMAT).replace(tzinfo=UTC)
            yield BackupFile(path, taken_at, path.stat().st_size)


def all_backups(root: Path) -> Iterator[BackupFile]:
    """Those of all customers, whose folders are in `root`."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir():
            yield from backups_in(folder)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file; OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def blocks_of(path: Path) -> Iterator[bytes]:
    """A file, block by block; OSError."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
