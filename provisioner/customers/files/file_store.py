"""The records of all customers.

A customer's file is found by its name, which their address gives (see `file_names`), so that finding one
does not depend on how many there are; only for an id that was not met before, an address that no file is
named after, or what an event carries, are all files looked at (see `index`). Changes are made under the
customer's lock to what is on disk at that moment. A lock is named after the customer's id, which never
changes. Where two are needed, the customer's is taken before the one on names.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.customers import rules
from provisioner.customers.addresses import fold
from provisioner.customers.files import document, file_names
from provisioner.customers.files.folders import Folders, Stored
from provisioner.customers.files.index import Index
from provisioner.customers.keys import Key, is_one_of
from provisioner.customers.store import AnyListing, Found, Holder, Listing, Read, customers_having
from provisioner.errors import ProvisionerError, RecordError, UnknownCustomer
from provisioner.filesystem.durable import Files, explained, move_durably, write_durably
from provisioner.filesystem.locks import A_LOOK_SECONDS, holder_of, locked

if TYPE_CHECKING:
    from provisioner.customers.checkup import Checkup
    from provisioner.customers.record import Customer, Record

_A_MOVE_SECONDS = 5.0


class FileStore:
    """The `CustomerStore` whose records are files, as the owner's script had them."""

    def __init__(
        self, customers_dir: Path, locks_dir: Path, *, files: Files | None = None, wait_seconds: float = 30
    ) -> None:
        """`wait_seconds` is how long a change waits for another one of the same customer."""
        self._folders = Folders(customers_dir, files or Files())
        self._locks = locks_dir
        self._wait_seconds = wait_seconds
        self._index = Index(self._folders)
        # Where an id was last met; never believed without a look.
        self._met: dict[str, Path] = {}

    def read(self, who: str) -> "Record":
        """UnknownCustomer, or RecordError if their file is broken."""
        return self._stored(who).record

    def find(self, who: str) -> Found:
        """The record, and whether it is in the archive; raises what `read` does."""
        stored = self._stored(who)
        return Found(stored.record, stored.archived)

    def all(self, *, archived: bool = False) -> "Iterator[Listing[Customer]]":
        """Every file of one folder by name, the broken ones too; never raises for one of them."""
        return self._listings(self._folders.load_customer, archived=archived)

    def views(self, *, archived: bool = False) -> Iterator[AnyListing]:
        """The same with what a list shows alone, several times as fast."""
        return self._listings(self._folders.view_loader(), archived=archived)

    def _listings(self, load: Callable[[str], Read], *, archived: bool) -> Iterator[Listing[Read]]:
        folder = self._folders.archive if archived else self._folders.active
        for name, customer in self._folders.each(folder, load):
            if isinstance(customer, RecordError):
                yield Listing(name, archived, broken=customer)
            else:
                yield Listing(name, archived, customer=customer)

    def having(self, *wanted: tuple[Key, str]) -> "list[Listing[Customer]]":
        """Those who have any of what events carry, and every broken file, which may; archived ones last.

        No more is read than has changed since the last look, and the files that are found.
        """
        if not wanted:
            return []
        places = self._index.look_up(*wanted)
        found = [stored for path in places.files if (stored := self._load_moved(path)) is not None]
        listings = [
            Listing(stored.path.name, stored.archived, stored.record.customer)
            for stored in found
            if is_one_of(stored.record.customer, wanted)
        ]
        broken: list[Listing[Customer]] = [
            Listing(path.name, self._folders.is_archived(path), broken=error) for path, error in places.broken
        ]
        return sorted([*listings, *broken], key=lambda one: (one.archived, one.name))

    @contextmanager
    def edit(self, who: str, doing: str = "change the record") -> "Iterator[Record]":
        """The record, fresh from disk and under its lock; on disk when the context ends without an error.

        RecordError if it cannot be written (the file is then as it was), BusyError if another change of
        this customer lasts too long.
        """
        with self._changing(who, doing) as stored:
            yield stored.record
            self._commit(stored, doing)

    @contextmanager
    def claim(self, who: str, doing: str) -> Iterator[None]:
        """Be the one process that works on this customer; BusyError says who is. Others may still `edit`."""
        customer = self.read(who).customer
        with locked(self._run_lock(customer.id), doing, customer.email, A_LOOK_SECONDS):
            yield

    def holder(self, who: str) -> Holder | None:
        """The live process that has claimed this customer, if one has."""
        return self.holder_by_id(self.read(who).customer.id)

    def holder_by_id(self, customer_id: str) -> Holder | None:
        """The same where the record was read already; no file but the lock is looked at."""
        holder = holder_of(self._run_lock(customer_id))
        if holder is None:
            return None
        return Holder(holder.who, holder.since, holder.doing, {"pid": holder.pid, "host": holder.host})

    def add(self, record: "Record", *, shared_subscription: bool = True) -> None:
        """Write a new customer's record; InputError if the address or the id is there already.

        Unless a `shared_subscription` is allowed, also if another customer has the same one.
        """
        customer = record.customer
        doing = "add the customer"
        with self._naming(doing, customer.email), explained(doing, customer.email):
            rules.refuse_taken(doing, customer.email, self)
            rules.refuse_taken(doing, customer.id, self)
            if not shared_subscription:
                subscription = customer.subscription.stripe_subscription_id
                holders = customers_having(self, "subscription", subscription) if subscription else ()
                rules.refuse_shared_subscription(doing, customer, subscription, holders)
            path = self._folders.active / self._folders.free_name(customer.email)
            self._folders.files.make_folder(path.parent)
            write_durably(self._folders.files, path, document.render(record.data), expected=None)

    def archive(self, who: str, *, claimed: bool = False) -> bool:
        """Move the record to the archive, whole; False if it was there already.

        BusyError while another process has claimed the customer: what it does next would be written there.
        """
        doing = "archive the customer"
        if claimed:
            return self._move(who, self._folders.archive, doing)
        customer = self.read(who).customer
        # Longer than another move takes, shorter than a run.
        with locked(
            self._run_lock(customer.id), doing, customer.email, min(self._wait_seconds, _A_MOVE_SECONDS)
        ):
            return self._move(who, self._folders.archive, doing)

    def restore(self, who: str) -> bool:
        """Move the record back from the archive, whole; False if it was back already."""
        return self._move(who, self._folders.active, "restore the customer")

    def check(
        self, *, fix: bool = False, seen: "Callable[[Listing[Customer]], None] | None" = None
    ) -> "Checkup":
        """Everything that is wrong with the files; `fix` mends what has one answer."""
        from provisioner.customers.files.examiner import Examiner

        return Examiner(self._folders, self._mend_name if fix else None, seen).examine()

    # Finding

    def _stored(self, who: str) -> Stored:
        stored = (self._by_name(who) if "@" in who else self._where_met(who)) or self._by_index(who)
        self._met[stored.record.customer.id] = stored.path
        return stored

    def _by_name(self, email: str) -> Stored | None:
        for name in file_names.names_for(email):
            for path in self._folders.places(name):
                try:
                    found = self._folders.load(path)
                except (FileNotFoundError, RecordError):
                    continue
                if _matches(found.record.customer, email):
                    return found
        return None

    def _where_met(self, customer_id: str) -> Stored | None:
        try:
            found = self._folders.load(self._met[customer_id])
        except (KeyError, FileNotFoundError, RecordError):
            return None
        return found if _matches(found.record.customer, customer_id) else None

    def _by_index(self, who: str) -> Stored:
        matches: list[Stored] = []
        if "@" not in who and self._index.is_empty:
            # Many commands look for one id and end: reading is faster than making an index.
            matches = self._matching(self._folders.mentioning(who), who)
        if not matches:
            wanted = ("address", fold(who)) if "@" in who else ("id", who)
            matches = self._matching(self._index.look_up(wanted).files, who)
        if not matches:
            raise self._unknown(who)
        if len(matches) > 1:
            raise RecordError(
                "tell which record is meant",
                whom=who,
                cause=f"{len(matches)} files have it",
                hint="provisioner check shows which; remove the wrong one",
            )
        return matches[0]

    def _matching(self, places: Iterable[Path], who: str) -> list[Stored]:
        found = [stored for path in places if (stored := self._load_moved(path)) is not None]
        return [stored for stored in found if _matches(stored.record.customer, who)]

    def _load_moved(self, path: Path) -> Stored | None:
        """The record that was seen at `path`, also where it was moved since; None if it is gone or broken."""
        for place in (path, *self._folders.places(path.name)):
            try:
                return self._folders.load(place)
            except FileNotFoundError:
                continue
            except RecordError:
                return None
        return None

    def _unknown(self, who: str) -> ProvisionerError:
        """A broken file of this address's name may be the customer's: then that is the error."""
        for name in file_names.names_for(who) if "@" in who else ():
            for path in self._folders.places(name):
                try:
                    self._folders.load(path)
                except FileNotFoundError:
                    continue
                except RecordError as problem:
                    return problem
        # Only who mistypes pays for the import.
        import difflib

        near = difflib.get_close_matches(who, self._index.addresses(), n=1, cutoff=0.8)
        hint = f"did you mean {near[0]}?" if near else "provisioner list shows everybody"
        return UnknownCustomer("find the customer", whom=who, hint=hint)

    # Changing

    @contextmanager
    def _changing(self, who: str, doing: str) -> Iterator[Stored]:
        customer = self.read(who).customer
        lock = self._locks / f"{_safe(customer.id)}.write.lock"
        with locked(lock, doing, customer.email, self._wait_seconds):
            # What was read before the lock may be old by now, or have moved, or have got another address.
            yield self._stored(customer.id)

    def _commit(self, stored: Stored, doing: str) -> None:
        from provisioner.customers.record import Record

        old = Record(document.parse(stored.content.raw))
        if old.data == stored.record.data:
            self._demand_name(stored, doing)
            return
        # Validated as it is now, whatever was done to it meanwhile.
        new = Record(stored.record.data)
        rules.check_change(old, new)
        with explained(doing, old.customer.email):
            if rules.is_renamed(old.customer, new.customer):
                self._write_renamed(stored, new.customer.email, doing)
            else:
                self._write(stored)

    def _write(self, stored: Stored) -> None:
        raw = document.render(stored.record.data)
        write_durably(self._folders.files, stored.path, raw, stored.content.stamp)

    def _write_renamed(self, stored: Stored, email: str, doing: str) -> None:
        with self._naming(doing, email):
            rules.refuse_taken(doing, email, self)
            target = stored.path.with_name(self._folders.free_name(email))
            self._write(stored)
            move_durably(self._folders.files, stored.path, target)

    def _demand_name(self, stored: Stored, doing: str) -> None:
        """Give the file the name that its address gives, where a kill has kept it from that."""
        email = stored.record.customer.email
        if not file_names.fits(stored.path.name, email):
            self._rename_file(stored.path, email, doing)

    def _rename_file(self, path: Path, email: str, doing: str) -> Path:
        """Give the file a free name of this address; where it is then."""
        with self._naming(doing, email), explained(doing, email):
            target = path.with_name(self._folders.free_name(email))
            move_durably(self._folders.files, path, target)
        return target

    def _move(self, who: str, folder: Path, doing: str) -> bool:
        with self._changing(who, doing) as stored:
            if stored.path.parent == folder:
                return False
            email = stored.record.customer.email
            with self._naming(doing, email), explained(doing, email):
                self._folders.files.make_folder(folder)
                move_durably(self._folders.files, stored.path, folder / stored.path.name)
        return True

    def _mend_name(self, path: Path) -> Path:
        """Give the file the name that its address gives; returns where it is then."""
        doing = "rename the record"
        customer_id = self._folders.load(path).record.customer.id
        with locked(self._locks / f"{_safe(customer_id)}.write.lock", doing, path.name, self._wait_seconds):
            return self._rename_file(path, self._folders.load(path).record.customer.email, doing)

    @contextmanager
    def _naming(self, doing: str, whom: str) -> Iterator[None]:
        """While held, no other command gives a file its name."""
        with locked(self._locks / "names.lock", doing, whom, self._wait_seconds):
            yield

    def _run_lock(self, customer_id: str) -> Path:
        return self._locks / f"{_safe(customer_id)}.run.lock"


def _matches(customer: "Customer", who: str) -> bool:
    return rules.is_meant(customer.id, customer.email, who)


def _safe(customer_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", customer_id)
