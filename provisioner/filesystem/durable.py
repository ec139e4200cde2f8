"""The one place that writes records: whole files, durably. What can fail goes through one seam."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import RecordError
from provisioner.failpoints import failpoint
from provisioner.filesystem.textfiles import LARGEST_BYTES

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
TEMPORARY = ".tmp"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Stamp:
    """What tells one version of a file from another without reading it."""

    inode: int
    modified_ns: int
    size: int


@dataclass(frozen=True)
class Content:
    """A file's bytes, and which version of it they are."""

    raw: bytes
    stamp: Stamp


class Files:
    """Every effect on records' files, one method each, so that tests can count them and make any one fail."""

    def read(self, path: Path) -> Content:
        """Never follows a link, and never waits on what is not a plain file (OSError)."""
        handle = os.open(path, _READ)
        try:
            status = _plain(handle)
            return Content(_read_all(handle, status.st_size), _stamp(status))
        finally:
            os.close(handle)

    def read_raw(self, path: str) -> bytes:
        """The bytes alone, for who reads thousands."""
        handle = os.open(path, _READ)
        try:
            return _read_all(handle, _plain(handle).st_size)
        finally:
            os.close(handle)

    def stamp(self, path: Path) -> Stamp | None:
        """The version that is there now; None if there is none."""
        try:
            return _stamp(path.lstat())
        except FileNotFoundError:
            return None

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)

    def write(self, handle: int, data: bytes) -> int:
        return os.write(handle, data)

    def sync(self, handle: int) -> None:
        os.fsync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def link(self, source: Path, target: Path) -> bool:
        """Give a file a second name; False if that is taken."""
        try:
            target.hardlink_to(source)
        except FileExistsError:
            return False
        return True

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def restrict(self, path: Path, mode: int) -> None:
        path.chmod(mode)

    def make_folder(self, path: Path) -> None:
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)

    def sync_folder(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_durably(files: Files, path: Path, data: bytes, expected: Stamp | None) -> None:
    """Replace the file at `path` whole, and return when it would survive a power cut.

    `expected` is the version that `data` was made from; None where there must be no file. RecordError if
    another one is there, and then, as with OSError before the rename, the file is as it was. The caller
    holds the customer's lock: the temporary file's name is fixed, so that a killed write leaves one at most.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        _fill(files, temporary, data)
        failpoint("before rename")
        if files.stamp(path) != expected:
            raise RecordError(
                "write the record",
                whom=path.name,
                cause="another program changed the file at the same moment",
                hint="run the same command again",
                retry=True,
            )
        files.rename(temporary, path)
        failpoint("after rename")
    except BaseException:
        with contextlib.suppress(OSError):
            files.remove(temporary)
        raise
    files.sync_folder(path.parent)
    failpoint("after sync of the folder")


def create_durably(files: Files, path: Path, data: bytes) -> bool:
    """Have a file at `path` that would survive a power cut when this returns; False if one was there.

    Whoever is at it at the same moment needs no lock: the file is another's as a whole, or ours. A kill may
    leave a temporary file, which nobody else uses.
    """
    temporary = path.with_name(f"{secrets.token_hex(8)}{TEMPORARY}")
    try:
        _fill(files, temporary, data)
        failpoint("before link")
        is_ours = files.link(temporary, path)
        failpoint("after link")
    finally:
        with contextlib.suppress(OSError):
            files.remove(temporary)
    # Also where it was there: whoever has made it may not have come so far.
    files.sync_folder(path.parent)
    failpoint("after sync of the folder")
    return is_ours


def move_durably(files: Files, source: Path, target: Path) -> None:
    """Move a file in one step; RecordError if the target is there. The caller holds the lock on names."""
    if files.stamp(target) is not None:
        hint = "provisioner check shows what both files hold; remove the wrong one"
        raise RecordError("move the record", whom=target.name, cause=f"{target} is there already", hint=hint)
    files.rename(source, target)
    files.sync_folder(target.parent)
    if source.parent != target.parent:
        files.sync_folder(source.parent)


@contextmanager
def explained(doing: str, whom: str) -> Iterator[None]:
    """Turns the system's errors into RecordError with what to do about them."""
    try:
        yield
    except OSError as problem:
        raise refused(problem, doing, whom) from problem


def refused(problem: OSError, doing: str, whom: str) -> RecordError:
    """The system's error with what to do about it."""
    cause = f"{problem.strerror or problem}" + (f" ({problem.filename})" if problem.filename else "")
    return RecordError(doing, whom=whom, cause=cause, hint=_HINTS.get(problem.errno or 0))


_HINTS = {
    errno.ENOSPC: "free some space on the disk, then run the same command again",
    errno.EDQUOT: "free some space in the quota, then run the same command again",
    errno.EROFS: "the file system is read-only: make it writable, then run the same command again",
    errno.EACCES: "run as the user who owns the workspace",
    errno.EPERM: "run as the user who owns the workspace",
    errno.EIO: "the disk reports an error: look at the system log before anything else",
    errno.ENOENT: "the workspace has lost a folder: provisioner init makes what is missing",
}


def _fill(files: Files, temporary: Path, data: bytes) -> None:
    failpoint("before create")
    files.remove(temporary)
    handle = files.create(temporary)
    try:
        failpoint("before write")
        rest = data
        while rest:
            rest = rest[files.write(handle, rest) :]
        failpoint("after write")
        files.sync(handle)
        failpoint("after sync")
    finally:
        files.close(handle)


def _plain(handle: int) -> os.stat_result:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a plain file")
    if status.st_size > LARGEST_BYTES:
        raise OSError(errno.EFBIG, f"larger than {LARGEST_BYTES // 1024 // 1024} MB")
    return status


def _read_all(handle: int, size: int) -> bytes:
    # One byte more than there should be: a shorter answer is the whole file, in one call.
    first = os.read(handle, size + 1)
    if len(first) <= size:
        return first
    parts = [first]
    while part := os.read(handle, size + 1):
        parts.append(part)
    return b"".join(parts)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_ino, status.st_mtime_ns, status.st_size)
