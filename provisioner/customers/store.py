"""The records of all customers, as files in two folders.

A customer's file is found by its name, which their address gives (see `names`), so that finding one does
not depend on how many there are; only an id, or an address that no file is named after, is looked for in
every file. Changes are made under the customer's lock to what is on disk at that moment. A lock is named
after the customer's id, which never changes. Where two are needed, the customer's is taken before the one
on names.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from provisioner.customers import document, names
from provisioner.customers.files import (
    Content,
    Files,
    explained,
    move_durably,
    write_durably,
)
from provisioner.customers.locks import A_LOOK_SECONDS, Holder, holder_of, locked
from provisioner.customers.record import Customer, Record
from provisioner.errors import InputError, ProvisionerError, RecordError, UnknownCustomer

ACTIVE = "active"
ARCHIVE = "archive"


@dataclass(frozen=True)
class Found:
    """A record, where it is, and which version of its file it is from."""

    path: Path
    record: Record
    content: Content

    @property
    def archived(self) -> bool:
        return self.path.parent.name == ARCHIVE


@dataclass(frozen=True)
class Listing:
    """One file: the customer in it, or what is broken about it."""

    name: str
    archived: bool
    customer: Customer | None = None
    broken: RecordError | None = None


class CustomerStore:
    """Finds, reads and changes customers' records; `who` is an address, in any case, or a `cust_…` id."""

    def __init__(
        self, customers_dir: Path, locks_dir: Path, *, files: Files | None = None, wait_seconds: float = 30
    ) -> None:
        """`wait_seconds` is how long a change waits for another one of the same customer."""
        self._active = customers_dir / ACTIVE
        self._archive = customers_dir / ARCHIVE
        self._locks = locks_dir
        self._files = files or Files()
        self._wait_seconds = wait_seconds
        # Where an id was last seen; never believed without a look.
        self._seen: dict[str, Path] = {}

    def read(self, who: str) -> Record:
        """UnknownCustomer, or RecordError if their file is broken."""
        return self.find(who).record

    def find(self, who: str) -> Found:
        """The record with where it is; raises what `read` does."""
        found = (self._by_name(who) if "@" in who else self._where_seen(who)) or self._by_reading(who)
        self._seen[found.record.customer.id] = found.path
        return found

    @contextmanager
    def edit(self, who: str, doing: str = "change the record") -> Iterator[Record]:
        """The record, fresh from disk and under its lock; on disk when the context ends without an error.

        RecordError if it cannot be written (the file is then as it was), BusyError if another change of
        this customer lasts too long.
        """
        with self._changing(who, doing) as found:
            before = found.content.raw
            yield found.record
            self._commit(found, before, doing)

    @contextmanager
    def claim(self, who: str, doing: str) -> Iterator[None]:
        """Be the one process that works on this customer; BusyError says who is. Others may still `edit`."""
        customer = self.read(who).customer
        with locked(self._run_lock(customer.id), doing, customer.email, A_LOOK_SECONDS):
            yield

    def holder(self, who: str) -> Holder | None:
        """The live process that has claimed this customer, if one has."""
        return holder_of(self._run_lock(self.read(who).customer.id))

    def add(self, record: Record) -> None:
        """Write a new customer's record; InputError if the address or the id is there already."""
        customer = record.customer
        with self._naming("add the customer", customer.email), explained("add the customer", customer.email):
            self._refuse_duplicate(customer.email)
            self._refuse_duplicate(customer.id)
            path = self._active / self._free_name(customer.email)
            write_durably(self._files, path, document.render(record.data), expected=None)

    def archive(self, who: str) -> bool:
        """Move the record to the archive, whole; False if it was there already."""
        return self._move(who, self._archive, "archive the customer")

    def restore(self, who: str) -> bool:
        """Move the record back from the archive, whole; False if it was back already."""
        return self._move(who, self._active, "restore the customer")

    def all(self, *, archived: bool = False) -> Iterator[Listing]:
        """Every file of one folder by name, the broken ones too; never raises for one of them."""
        folder = self._archive if archived else self._active
        for name in self._names_in(folder):
            try:
                yield Listing(name, archived, customer=self._load_customer(folder / name))
            except FileNotFoundError:
                continue
            except RecordError as problem:
                yield Listing(name, archived, broken=problem)

    # Finding

    def _where_seen(self, customer_id: str) -> Found | None:
        try:
            found = self._load(self._seen[customer_id])
        except (KeyError, FileNotFoundError, RecordError):
            return None
        return found if _is(found.record.customer, customer_id) else None

    def _by_name(self, email: str) -> Found | None:
        for name in names.names_for(email):
            for folder in (self._active, self._archive):
                try:
                    found = self._load(folder / name)
                except (FileNotFoundError, RecordError):
                    continue
                if _is(found.record.customer, email):
                    return found
        return None

    def _by_reading(self, who: str) -> Found:
        matches = [
            folder / listing.name
            for folder in (self._active, self._archive)
            for listing in self.all(archived=folder is self._archive)
            if listing.customer is not None and _is(listing.customer, who)
        ]
        if not matches:
            raise self._unknown(who)
        if len(matches) > 1:
            raise RecordError(
                "tell which record is meant",
                whom=who,
                cause=f"{len(matches)} files have it",
                hint="provisioner check shows which; remove the wrong one",
            )
        return self._load(matches[0])

    def _unknown(self, who: str) -> ProvisionerError:
        for name in names.names_for(who) if "@" in who else ():
            for folder in (self._active, self._archive):
                try:
                    self._load(folder / name)
                except FileNotFoundError:
                    continue
                except RecordError as problem:
                    return problem
        return UnknownCustomer("find the customer", whom=who, hint="provisioner list shows them all")

    def _load(self, path: Path) -> Found:
        """FileNotFoundError if nothing is there; RecordError if what is there cannot be read."""
        shown = f"{path.parent.name}/{path.name}"
        try:
            content = self._files.read(path)
        except FileNotFoundError:
            raise
        except OSError as problem:
            raise RecordError("read the record", whom=shown, cause=problem.strerror or problem) from None
        try:
            return Found(path, Record(document.parse(content.raw)), content)
        except document.BrokenDocument as problem:
            raise RecordError(
                "read the record", whom=shown, cause=problem, hint="correct the file by hand"
            ) from None
        except InputError as problem:
            raise RecordError(
                "read the record", whom=shown, cause=problem.cause, hint="correct the file by hand"
            ) from None

    def _load_customer(self, path: Path) -> Customer:
        """The typed view only, in less than half the time; what it refuses is looked at closely."""
        try:
            return Customer.model_validate_json(self._files.read(path).raw)
        except (ValidationError, OSError):
            return self._load(path).record.customer

    def _names_in(self, folder: Path) -> list[str]:
        try:
            return sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(names.SUFFIX))
        except FileNotFoundError:
            return []

    # Changing

    @contextmanager
    def _changing(self, who: str, doing: str) -> Iterator[Found]:
        customer = self.find(who).record.customer
        lock = self._locks / f"{_safe(customer.id)}.write.lock"
        with locked(lock, doing, customer.email, self._wait_seconds):
            # What was read before the lock may be old by now, or have moved.
            found = self.find(customer.id if who == customer.id else who)
            if found.record.customer.id != customer.id:
                raise RecordError(doing, whom=who, cause="the file changed hands", retry=True)
            yield found

    def _commit(self, found: Found, before: bytes, doing: str) -> None:
        old = Record(document.parse(before))
        if old.data == found.record.data:
            return
        _refuse_lost_history(old, found.record)
        customer = found.record.customer
        if customer.id != old.customer.id:
            raise InputError("change the id", whom=customer.email, cause="an id never changes")
        with explained(doing, customer.email):
            if names.fold(customer.email) == names.fold(old.customer.email):
                self._write(found)
            else:
                self._write_renamed(found, customer.email, doing)

    def _write(self, found: Found) -> None:
        write_durably(self._files, found.path, document.render(found.record.data), found.content.stamp)

    def _write_renamed(self, found: Found, email: str, doing: str) -> None:
        with self._naming(doing, email):
            self._refuse_duplicate(email)
            self._write(found)
            move_durably(self._files, found.path, found.path.with_name(self._free_name(email)))

    def _move(self, who: str, folder: Path, doing: str) -> bool:
        with self._changing(who, doing) as found:
            if found.path.parent == folder:
                return False
            email = found.record.customer.email
            with self._naming(doing, email), explained(doing, email):
                move_durably(self._files, found.path, folder / found.path.name)
        return True

    @contextmanager
    def _naming(self, doing: str, whom: str) -> Iterator[None]:
        """While held, no other command gives a file its name."""
        with locked(self._locks / "names.lock", doing, whom, self._wait_seconds):
            yield

    def _free_name(self, email: str) -> str:
        """The first of the address's names that nobody has, in either folder."""
        for name in (names.plain_name(email), names.marked_name(email)):
            if all(self._files.stamp(folder / name) is None for folder in (self._active, self._archive)):
                return name
        raise RecordError(
            "name the record", whom=email, cause="both its names are taken", hint="provisioner check"
        )

    def _refuse_duplicate(self, who: str) -> None:
        try:
            found = self.find(who)
        except UnknownCustomer:
            return
        where = "in the archive" if found.archived else "there"
        hint = f"provisioner restore {who}" if found.archived else f"provisioner show {who}"
        raise InputError("add the customer", whom=who, cause=f"they are {where} already", hint=hint)

    def _run_lock(self, customer_id: str) -> Path:
        return self._locks / f"{_safe(customer_id)}.run.lock"


def _is(customer: Customer, who: str) -> bool:
    if "@" in who:
        return names.fold(customer.email) == names.fold(who)
    return customer.id == who


def _safe(customer_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", customer_id)


def _refuse_lost_history(old: Record, new: Record) -> None:
    for key in ("notes", "timeline"):
        before, after = old.data.get(key) or [], new.data.get(key) or []
        if after[: len(before)] != before:
            raise RecordError("write the record", whom=new.customer.email, cause=f"{key} would lose an entry")
