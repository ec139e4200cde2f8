"""Everything that can be wrong with customers' files, looked for at once."""

import itertools
import re
import stat
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner import timestamps
from provisioner.customers import names
from provisioner.customers.fields import HISTORY
from provisioner.customers.files import PRIVATE_FILE, PRIVATE_FOLDER, TEMPORARY, explained, refused
from provisioner.customers.folders import Folders, Found, shown
from provisioner.customers.lifecycle import is_gone
from provisioner.customers.progress import STEPS, steps_done
from provisioner.customers.record import CLOCK_SET_BACK, Customer
from provisioner.errors import RecordError
from provisioner.printable import command

# A write takes milliseconds: what is older was left by one that was killed.
_LEFT_OVER_SECONDS = 60


@dataclass(frozen=True)
class Finding:
    """Something wrong with one file; `fixed` says what was done about it.

    `kind` is broken, name, duplicate, status, history, date, permissions or leftover.
    """

    file: str
    kind: str
    problem: str
    fixed: str | None = None


@dataclass(frozen=True)
class Checkup:
    """What was found in how many files."""

    files: int
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(finding.fixed for finding in self.findings)


class Examiner:
    """Looks at every file of both folders; with `rename`, mends names, permissions and leftovers too."""

    def __init__(self, folders: Folders, rename: Callable[[Path], Path] | None = None) -> None:
        self._folders = folders
        self._rename = rename
        self._findings: list[Finding] = []

    def examine(self) -> Checkup:
        for folder in self._folders.both:
            self._look_at_mode(folder, PRIVATE_FOLDER)
            self._look_at_leftovers(folder)
        paths = [folder / name for folder in self._folders.both for name in self._folders.names(folder)]
        records = [found for path in paths if (found := self._look_at(path)) is not None]
        self._look_at_duplicates(records)
        return Checkup(len(paths), tuple(self._findings))

    def _look_at(self, path: Path) -> Found | None:
        self._look_at_mode(path, PRIVATE_FILE)
        try:
            found = self._folders.load(path)
        except FileNotFoundError:
            return None
        except RecordError as broken:
            self._note(path, "broken", str(broken.cause))
            return None
        customer = found.record.customer
        for problem in contradictions(customer):
            self._note(path, "status", problem)
        for problem in _steps_back(customer):
            self._note(path, "history", problem)
        for problem in _days_of_no_calendar(customer, found.record.data):
            self._note(path, "date", problem)
        if names.fits(path.name, customer.email):
            return found
        return Found(self._look_at_name(path, customer.email), found.record, found.content)

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
        for name in self._folders.names(folder, names.SUFFIX + TEMPORARY):
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

    def _look_at_duplicates(self, records: list[Found]) -> None:
        for kind, of in (("address", _folded_email), ("id", _id)):
            holders: dict[str, list[Found]] = defaultdict(list)
            for found in records:
                holders[of(found.record.customer)].append(found)
            for value, founds in holders.items():
                self._note_duplicates(f"{kind} {value}", founds)

    def _note_duplicates(self, what: str, founds: list[Found]) -> None:
        for found in founds if len(founds) > 1 else ():
            others = ", ".join(shown(other.path) for other in founds if other is not found)
            self._note(found.path, "duplicate", f"the {what} is in {others} too")

    def _note(self, path: Path, kind: str, problem: str, fixed: str | None = None) -> None:
        self._findings.append(Finding(shown(path), kind, problem, fixed))


def contradictions(customer: Customer) -> Iterator[str]:
    """Where a customer's status, setup and timeline do not agree."""
    setup = customer.setup.status
    done = steps_done(customer)
    missing = [step for step in STEPS if step not in done]
    events = {event.event for event in customer.timeline}
    if setup == "complete" and missing:
        yield f"setup.status is complete, but not done: {', '.join(missing)}"
    if setup == "pending" and len(missing) < len(STEPS):
        yield f"setup.status is pending, but done: {', '.join(done)}"
    if (
        customer.status in ("active", "handed_over")
        and setup != "complete"
        and not _gets_another_server(customer)
    ):
        yield f"status is {customer.status}, but setup.status is {setup}"
    if customer.status == "pending_setup" and setup != "pending":
        yield f"status is pending_setup, but setup.status is {setup}"
    if customer.status == "in_progress" and setup == "complete":
        yield "status is in_progress, but setup.status is complete"
    if customer.status in ("pending_setup", "in_progress") and "onboarding_complete" in events:
        yield f"status is {customer.status}, but the timeline has onboarding_complete"
    if not is_gone(customer.status) and "handover_complete" in events:
        yield f"status is {customer.status}, but the timeline has handover_complete"


def _gets_another_server(customer: Customer) -> bool:
    """Whether an active customer's setup goes on although it was complete before: their server was lost."""
    setup = customer.setup
    was_complete = setup.handoff.completed_at is not None
    return customer.status == "active" and setup.status == "in_progress" and was_complete


def _steps_back(customer: Customer) -> Iterator[str]:
    histories = {
        "notes": [note.timestamp for note in customer.notes],
        "timeline": [event.timestamp for event in customer.timeline],
    }
    corrected = [event.timestamp for event in customer.timeline if event.event == CLOCK_SET_BACK]
    for name, moments in histories.items():
        for earlier, later in itertools.pairwise(map(timestamps.order, moments)):
            explained = any(timestamps.order(moment) <= later for moment in corrected)
            if later < earlier and not explained:
                yield f"{name} goes back in time, from {earlier}Z to {later}Z"


def _days_of_no_calendar(customer: Customer, data: dict[str, Any]) -> Iterator[str]:
    """Times such as 2026-02-29T…, wherever they stand; they are read as so many days after the first."""
    for path, text in _texts_in(data):
        if not re.fullmatch(timestamps.PATTERN, text) or timestamps.exists(text):
            continue
        found = timestamps.moment(text)
        read = f"; it is read as {found:%Y-%m-%d}" if found else ""
        history = path.split(".", 1)[0] in HISTORY
        hint = "correct it in the file" if history else command("update", customer.email, path, "TIME")
        yield f"{path} is {text}, a day that no calendar has{read}: {hint}"


def _texts_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    for key, one in inner:
        yield from _texts_in(one, f"{path}.{key}" if path else str(key))


def _folded_email(customer: Customer) -> str:
    return names.fold(customer.email)


def _id(customer: Customer) -> str:
    return customer.id
