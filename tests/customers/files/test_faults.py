"""Every effect of every change made to fail, one after another."""

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.customers.files.file_store import FileStore
from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Record
from provisioner.errors import ProvisionerError
from tests.customers.examples import documented, write_old
from tests.customers.files.faults import ERRORS, FaultyFiles, every_effect_is_counted

WHO = "customer@example.com"
NEW = new_record(SignUp("second@example.com", "sub_2"))


def note(store: FileStore) -> None:
    with store.edit(WHO) as record:
        record.add_note("x")


def readdress(store: FileStore) -> None:
    with store.edit(WHO) as record:
        record.set("email", "moved@example.com")


def archive(store: FileStore) -> None:
    store.archive(WHO)


def restore(store: FileStore) -> None:
    store.restore("archived@example.com")


def add(store: FileStore) -> None:
    store.add(Record(NEW.data))


def mend(store: FileStore) -> None:
    store.check(fix=True)


CHANGES = (note, readdress, archive, restore, add, mend)


def a_folder(at: Path) -> Path:
    customers = at / "customers"
    write_old(customers / "active", documented())
    write_old(customers / "active", {**documented(), "id": "cust_3", "email": "x@example.com"}, "wrong.json")
    write_old(customers / "archive", {**documented(), "id": "cust_2", "email": "archived@example.com"})
    leftover = customers / "active" / "old.json.tmp"
    leftover.write_text("{")
    os.utime(leftover, (0, 0))
    return customers


def outcome(change: Callable[[FileStore], None], store: FileStore) -> ProvisionerError | None:
    try:
        change(store)
    except ProvisionerError as refused:
        return refused
    return None


def files_in(customers: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(customers)): path.read_bytes()
        for path in customers.rglob("*")
        if path.is_file() and path.suffix == ".json"
    }


def records_in(customers: Path) -> dict[str, str]:
    """Who is in the folder: id to address. Fails if a file is broken or a customer is in two."""
    store = FileStore(customers, customers.parent / "locks")
    listings = [*store.all(), *store.all(archived=True)]
    assert [listing.broken for listing in listings if listing.broken] == []
    found = {listing.customer.id: listing.customer.email for listing in listings if listing.customer}
    assert len(found) == len(listings)
    return found


def test_the_seam_is_whole() -> None:
    assert every_effect_is_counted() == set()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
def test_whatever_fails_nothing_is_lost_and_the_next_try_ends_it(
    tmp_path: Path, change: Callable[[FileStore], None], error: int
) -> None:
    for attempt in itertools.count(1):
        at = tmp_path / str(attempt)
        customers = a_folder(at)
        before = records_in(customers)
        faulty = FaultyFiles(attempt, error)
        refused = outcome(change, FileStore(customers, at / "locks", files=faulty))
        assert refused is None or (faulty.failed and refused.cause)
        after = records_in(customers)
        assert set(before) <= set(after)
        if not faulty.failed:
            assert attempt > 5
            return
        _finish(change, FileStore(customers, at / "locks"), after)
        assert not list((customers / "active").glob("customer*.tmp"))


def _finish(change: Callable[[FileStore], None], store: FileStore, now: dict[str, str]) -> None:
    """The same again without a fault, unless it had been done already when it failed."""
    done = (change is readdress and "moved@example.com" in now.values()) or (
        change is add and "second@example.com" in now.values()
    )
    if not done:
        change(store)


@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
def test_a_failure_before_the_rename_leaves_the_very_bytes(tmp_path: Path, error: int) -> None:
    whole = FaultyFiles()
    note(FileStore(a_folder(tmp_path / "whole"), tmp_path / "whole" / "locks", files=whole))
    refusals = 0
    for attempt in range(1, whole.calls + 1):
        at = tmp_path / str(attempt)
        customers = a_folder(at)
        before = files_in(customers)
        store = FileStore(customers, at / "locks", files=FaultyFiles(attempt, error))
        refused = outcome(note, store)
        # The only effect after the rename is the folder's own sync.
        assert (files_in(customers) == before) == (refused is not None and attempt < whole.calls)
        refusals += refused is not None
    # A first look that fails is made up for by a second one.
    assert refusals >= whole.calls - 2
