"""Everything that can be wrong with customers' files, looked for at once."""

import stat
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provisioner.customers.addresses import fold
from provisioner.customers.checkup import Checkup, Finding, problems_in
from provisioner.customers.files import file_names, plain
from provisioner.customers.files.folders import Folders, shown
from provisioner.customers.record import Customer
from provisioner.customers.store import Listing
from provisioner.errors import RecordError
from provisioner.filesystem.durable import PRIVATE_FILE, PRIVATE_FOLDER, TEMPORARY, explained, refused

# A write takes milliseconds: what is older was left by one that was killed.
_LEFT_OVER_SECONDS = 60


@dataclass(frozen=True)
class _Identity:
    """Where a record is, and what no other one may have."""

    path: Path
    address: str
    id: str


class Examiner:
    """Looks at every file of both folders; with `rename`, mends names, permissions and leftovers too.

    `seen` is told of each customer whose file can be read.
    """

    def __init__(
        self,
        folders: Folders,
        rename: Callable[[Path], Path] | None = None,
        seen: Callable[[Listing[Customer]], None] | None = None,
    ) -> None:
        self._folders = folders
        self._rename = rename
        self._seen = seen
        self._findings: list[Finding] = []

    def examine(self) -> Checkup:
        for folder in self._folders.both:
            self._look_at_mode(folder, PRIVATE_FOLDER)
            self._look_at_leftovers(folder)
        paths = [folder / name for folder in self._folders.both for name in self._folders.names(folder)]
        records = [found for path in paths if (found := self._look_at(path)) is not None]
        self._look_at_duplicates(records)
        return Checkup(len(paths), tuple(self._findings))

    def _look_at(self, path: Path) -> _Identity | None:
        self._look_at_mode(path, PRIVATE_FILE)
        try:
            found = self._folders.load(path, plain.parse)
        except FileNotFoundError:
            return None
        except RecordError as broken:
            self._note(path, "broken", str(broken.cause))
            return None
        for kind, problem in problems_in(found.record, found.content.raw):
            self._note(path, kind, problem)
        customer = found.record.customer
        fits = file_names.fits(path.name, customer.email)
        where = path if fits else self._look_at_name(path, customer.email)
        if self._seen is not None:
            self._seen(Listing(where.name, found.archived, customer))
        return _Identity(where, fold(customer.email), customer.id)

    def _look_at_name(self, path: Path, email: str) -> Path:
        problem = f"{email} would not be found by this name"
        if self._rename is None:
            self._note(path, "name", problem)
            return path
        try:
            renamed = self._rename(path)
        except RecordError as refused:
            self._note(path, "name", f"{problem}; it could not be renamed: {refused.cause}")
            return path
        self._note(path, "name", problem, f"renamed to {renamed.name}")
        return renamed

    def _look_at_mode(self, path: Path, wanted: int) -> None:
        try:
            status = path.lstat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise refused(error, "look at the records", shown(path)) from None
        mode = stat.S_IMODE(status.st_mode)
        # A link's own mode says nothing, and what it leads to is not ours to change.
        if mode & 0o077 == 0 or stat.S_ISLNK(status.st_mode):
            return
        problem = f"open to others: mode {mode:04o}"
        fixed = None
        if self._rename is not None:
            with explained("restrict the file", shown(path)):
                self._folders.files.restrict(path, wanted)
            fixed = f"mode is {wanted:04o} now"
        self._note(path, "permissions", problem, fixed)

    def _look_at_leftovers(self, folder: Path) -> None:
        for name in self._folders.names(folder, file_names.SUFFIX + TEMPORARY):
            path = folder / name
            try:
                age = time.time() - path.lstat().st_mtime
            except FileNotFoundError:
                continue
            if age < _LEFT_OVER_SECONDS:
                continue
            if self._rename is not None:
                with explained("remove what a killed write left", shown(path)):
                    self._folders.files.remove(path)
            self._note(path, "leftover", "left by a killed write", "removed" if self._rename else None)

    def _look_at_duplicates(self, records: list[_Identity]) -> None:
        for kind in ("address", "id"):
            holders: dict[str, list[Path]] = defaultdict(list)
            for one in records:
                holders[getattr(one, kind)].append(one.path)
            for value, paths in holders.items():
                self._note_duplicates(f"{kind} {value}", paths)

    def _note_duplicates(self, what: str, paths: list[Path]) -> None:
        for path in paths if len(paths) > 1 else ():
            others = ", ".join(shown(other) for other in paths if other is not path)
            self._note(path, "duplicate", f"the {what} is in {others} too")

    def _note(self, path: Path, kind: str, problem: str, fixed: str | None = None) -> None:
        self._findings.append(Finding(shown(path), kind, problem, fixed))
