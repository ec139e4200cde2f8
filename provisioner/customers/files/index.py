"""Which files may hold whom, without reading every file each time.

A file is read again when anything about it has changed: its number, its size, or one of its times. Times are
only as fine as the system's tick (some milliseconds) or the file system's (up to two seconds), so that a file
which changed a moment before it was read is read once more later on; and after the clock was set, all of
them are. What is found is where to look: the caller reads that record, and believes nothing else.
"""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from provisioner.customers.addresses import fold
from provisioner.customers.files import file_names
from provisioner.customers.files.folders import Folders
from provisioner.customers.keys import keys_of
from provisioner.errors import RecordError
from provisioner.filesystem.durable import refused

if TYPE_CHECKING:
    from provisioner.customers.record import Customer

MOST_FILES: Final = 100_000
"""How many files are remembered; what is beyond them is read each time."""
_UNSETTLED_NS: Final = 200_000_000
_UNSETTLED_COARSE_NS: Final = 2_000_000_000
_SECOND_NS: Final = 1_000_000_000
_CLOCK_WAS_SET_SECONDS: Final = 0.5


_Version = tuple[int, int, int, int]
"""A file's number, its size, and when its content and anything else about it last changed (ns)."""


class _Known(NamedTuple):
    """What a file held when it was `version`; `hashes` are those of all that its customer is looked up by."""

    version: _Version
    settled: bool
    email: str
    hashes: frozenset[int]


class Places(NamedTuple):
    """The files that may hold somebody, and those that cannot be read, which may do so too."""

    files: list[Path]
    broken: list[tuple[Path, RecordError]]


class Index:
    """Of all files in both folders. One is enough for all threads of a process."""

    def __init__(self, folders: Folders, most: int = MOST_FILES) -> None:
        self._folders = folders
        self._most = most
        self._known: dict[str, _Known] = {}
        self._clocks_apart = _clocks_apart()
        self._lock = Lock()

    def look_up(self, *wanted: tuple[str, str]) -> Places:
        """Where to look for those who have one of these: an `id`, an `address` as folded, or a key."""
        hashes = {hash(one) for one in wanted}
        with self._lock:
            self._forget_if_the_clock_was_set()
            places, known = Places([], []), dict[str, _Known]()
            for folder in self._folders.both:
                self._look_through(folder, hashes, places, known)
            self._known = known
        return places

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered yet."""
        return not self._known

    def addresses(self) -> list[str]:
        """Those that the last look has met, to suggest the nearest."""
        return [entry.email for entry in self._known.values()]

    def _look_through(self, folder: Path, wanted: set[int], places: Places, known: dict[str, _Known]) -> None:
        """Add to `places` and `known` what one folder has."""
        for path, status in _files_in(folder):
            version = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            entry = self._known.get(path)
            if entry is None or entry.version != version or not entry.settled:
                try:
                    entry = self._read(path, version)
                except FileNotFoundError:
                    continue
                except RecordError as broken:
                    places.broken.append((Path(path), broken))
                    continue
            if len(known) < self._most:
                known[path] = entry
            if not wanted.isdisjoint(entry.hashes):
                places.files.append(Path(path))

    def _read(self, path: str, version: _Version) -> _Known:
        # What was there may be newer than `version` by now: then that is found to differ the next time.
        settled = abs(time.time_ns() - version[-1]) > _unsettled_ns(version[-1])
        customer = self._folders.load_customer(path)
        return _Known(version, settled, customer.email, frozenset(_hashes(customer)))

    def _forget_if_the_clock_was_set(self) -> None:
        now = _clocks_apart()
        if abs(now - self._clocks_apart) > _CLOCK_WAS_SET_SECONDS:
            self._known = {}
            self._clocks_apart = now


def _files_in(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every record's file as the folder shows it now; none where the folder is missing."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.name.endswith(file_names.SUFFIX)]
    except FileNotFoundError:
        return
    except OSError as problem:
        raise refused(problem, "read the records", str(folder)) from None
    for entry in found:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        yield entry.path, status


def _unsettled_ns(changed_ns: int) -> int:
    """For how long a file that changed then may have changed once more without its times telling so."""
    return _UNSETTLED_NS if changed_ns % _SECOND_NS else _UNSETTLED_COARSE_NS


def _clocks_apart() -> float:
    """How far the wall clock is from one that nobody sets."""
    return time.time() - time.monotonic()


def _hashes(customer: "Customer") -> Iterable[int]:
    """In place of the values, which may be long, and secrets; two values may have the same."""
    yield hash(("id", customer.id))
    yield hash(("address", fold(customer.email)))
    yield from map(hash, keys_of(customer))
