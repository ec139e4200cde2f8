import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.files.document import render
from provisioner.customers.files.file_names import marked_name
from provisioner.customers.files.file_store import FileStore
from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Record
from provisioner.errors import InputError, RecordError, UnknownCustomer
from provisioner.filesystem.durable import Content, Files
from tests.customers.examples import documented, from_old_script, write_old


def add(store: FileStore, email: str) -> str:
    record = new_record(SignUp(email, "sub_1"))
    store.add(record)
    return record.customer.id


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_files_are_private_and_so_are_their_folders(store: FileStore, customer: Record, active: Path) -> None:
    assert stat.S_IMODE(only_file(active).stat().st_mode) == 0o600
    assert stat.S_IMODE(active.stat().st_mode) == 0o700


def test_an_edit_makes_an_old_file_private(store: FileStore, active: Path) -> None:
    path = write_old(active, from_old_script())
    with store.edit("old.timer+tag@example.com") as record:
        record.add_note("x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_addresses_that_meet_in_one_name_are_two_customers(store: FileStore, active: Path) -> None:
    for email in ("a+b@example.com", "a_b@example.com", "a&b@example.com"):
        add(store, email)
    assert (active / "a_b_at_example.com.json").exists()
    assert (active / marked_name("a_b@example.com")).exists()
    for email in ("a+b@example.com", "a_b@example.com", "A&B@example.com"):
        with store.edit(email) as record:
            record.add_note(email)
        assert store.read(email).customer.email == email.lower()
    assert [len(listing.customer.notes) for listing in store.all() if listing.customer] == [1, 1, 1]


def test_a_name_in_the_archive_is_taken_too(store: FileStore, active: Path, archive: Path) -> None:
    add(store, "a+b@example.com")
    store.archive("a+b@example.com")
    add(store, "a_b@example.com")
    store.archive("a_b@example.com")
    store.restore("a+b@example.com")
    assert store.read("a+b@example.com").customer.email == "a+b@example.com"
    assert store.find("a_b@example.com").archived
    assert not store.find("a+b@example.com").archived


def test_a_misnamed_file_is_found_and_stands_in_the_way_of_a_second_one(
    store: FileStore, active: Path
) -> None:
    write_old(active, documented(), "renamed-by-hand.json")
    assert store.read("customer@example.com").customer.id == "cust_1234567890"
    with pytest.raises(InputError, match="there already"):
        add(store, "customer@example.com")


class CountingFiles(Files):
    def __init__(self) -> None:
        self.reads = 0

    def read(self, path: Path) -> Content:
        self.reads += 1
        return super().read(path)

    def read_raw(self, path: str) -> bytes:
        self.reads += 1
        return super().read_raw(path)


@pytest.mark.parametrize("others", [0, 40])
def test_finding_and_changing_one_customer_reads_no_other_file(tmp_path: Path, others: int) -> None:
    folder = tmp_path / "customers" / "active"
    for number in range(others):
        write_old(folder, from_old_script(f"other{number}@example.com"))
    write_old(folder, documented())
    counting = CountingFiles()
    store = FileStore(tmp_path / "customers", tmp_path / "locks", files=counting)
    store.read("customer@example.com")
    with store.edit("customer@example.com") as record:
        record.add_note("x")
    with store.edit(record.customer.id) as record:
        record.add_note("y")
    assert counting.reads == 5


def test_an_edit_that_changes_nothing_writes_nothing(store: FileStore, active: Path) -> None:
    path = write_old(active, from_old_script())
    before = path.stat()
    with store.edit("old.timer+tag@example.com"):
        pass
    assert path.stat() == before


def test_a_file_changed_by_another_program_meanwhile_is_not_overwritten(
    store: FileStore, active: Path
) -> None:
    path = write_old(active, documented())
    by_hand = {**documented(), "name": "By Hand"}

    def meet() -> None:
        with store.edit("customer@example.com") as record:
            record.add_note("x")
            path.write_bytes(render(by_hand))

    with pytest.raises(RecordError) as refused:
        meet()
    assert refused.value.retry
    assert json.loads(path.read_bytes()) == by_hand
    assert [entry.name for entry in active.iterdir()] == [path.name]


@pytest.mark.parametrize("key", ["notes", "timeline"])
def test_history_cannot_be_lost_or_changed(store: FileStore, active: Path, key: str) -> None:
    path = write_old(active, documented())
    before = path.read_bytes()
    changes: tuple[Callable[[list[Any]], Any], ...] = (
        lambda entries: entries.clear(),
        lambda entries: entries.pop(0),
        lambda entries: entries[0].update(timestamp="2026-01-01T00:00:00Z"),
    )
    for change in changes:
        with pytest.raises(RecordError, match="would lose"), store.edit("customer@example.com") as record:
            change(record.data[key])
    assert path.read_bytes() == before


def test_a_new_address_gives_the_file_a_new_name(store: FileStore, customer: Record, active: Path) -> None:
    with store.edit("customer@example.com") as record:
        record.set("email", "new@example.com")
    assert only_file(active).name == "new_at_example.com.json"
    assert store.read("new@example.com").customer.id == customer.customer.id
    with pytest.raises(UnknownCustomer):
        store.read("customer@example.com")


def test_archive_and_restore_move_the_very_bytes(store: FileStore, active: Path, archive: Path) -> None:
    archive.mkdir(parents=True)
    path = write_old(active, from_old_script())
    before = path.read_bytes()
    assert store.archive("old.timer+tag@example.com")
    assert only_file(archive).read_bytes() == before
    assert list(active.iterdir()) == []
    assert not store.archive("old.timer+tag@example.com")
    assert store.restore("cust_1769666040123")
    assert only_file(active).read_bytes() == before
    assert not store.restore("cust_1769666040123")


def test_a_move_overwrites_nothing(store: FileStore, active: Path, archive: Path) -> None:
    here, there = write_old(active, documented()), write_old(archive, {**documented(), "id": "cust_2"})
    before = here.read_bytes(), there.read_bytes()
    with pytest.raises(RecordError, match="is there already"):
        store.archive("cust_1234567890")
    assert (here.read_bytes(), there.read_bytes()) == before


def test_a_broken_file_stops_nobody_else_and_is_never_written(
    store: FileStore, active: Path, customer: Record
) -> None:
    broken = active / "broken_at_example.com.json"
    broken.write_bytes(b'{"id": "cust_1",\n "email": }')
    listings = list(store.all())
    assert [listing.customer is None for listing in listings] == [True, False]
    assert "line 2, column 11" in str(listings[0].broken)
    for attempt in (lambda: store.read("broken@example.com"), lambda: add(store, "broken@example.com")):
        with pytest.raises(RecordError, match="line 2, column 11"):
            attempt()
    with pytest.raises(RecordError), store.edit("broken@example.com"):
        raise AssertionError("it must not get here")
    assert broken.read_bytes() == b'{"id": "cust_1",\n "email": }'
    store.read("customer@example.com")


def test_links_pipes_and_folders_are_broken_files_not_traps(
    store: FileStore, active: Path, tmp_path: Path
) -> None:
    active.mkdir(parents=True)
    outside = tmp_path / "outside.json"
    outside.write_bytes(render(documented()))
    (active / "link_at_example.com.json").symlink_to(outside)
    (active / "folder_at_example.com.json").mkdir()
    os.mkfifo(active / "pipe_at_example.com.json")
    causes = [listing.broken and listing.broken.cause for listing in store.all()]
    assert causes == ["not a plain file", "a link, not a file", "not a plain file"]
    for name in ("link", "folder", "pipe"):
        with pytest.raises(RecordError):
            store.read(f"{name}@example.com")
    with pytest.raises(UnknownCustomer):
        store.read("customer@example.com")


def test_an_address_that_two_files_have_is_not_guessed_at(store: FileStore, active: Path) -> None:
    write_old(active, documented(), "one.json")
    write_old(active, {**documented(), "id": "cust_2"}, "two.json")
    with pytest.raises(RecordError, match="2 files have it"):
        store.read("customer@example.com")


def test_without_folders_there_is_nobody_and_add_makes_them(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "c", tmp_path / "l")
    assert list(store.all()) == []
    assert list(store.all(archived=True)) == []
    add(store, "a@example.com")
    assert store.read("a@example.com").customer.status == "pending_setup"


def test_what_a_killed_write_left_does_not_stop_the_next(
    store: FileStore, customer: Record, active: Path
) -> None:
    path = only_file(active)
    leftover = path.with_name(f"{path.name}.tmp")
    leftover.write_text('{"half": ')
    assert len(list(store.all())) == 1
    with store.edit("customer@example.com") as record:
        record.add_note("x")
    assert not leftover.exists()


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("j\xf6rg@m\xfcnchen.example", "JO\u0308RG@xn--mnchen-3ya.example"),
        ("a@xn--mnchen-3ya.example", "a@m\xfcnchen.example"),
        ("jo\u0308rg@example.com", "j\xf6rg@example.com"),
    ],
)
def test_an_address_outside_ascii_is_found_however_it_is_spelled(
    store: FileStore, active: Path, stored: str, typed: str
) -> None:
    write_old(active, {**documented(), "email": stored})
    assert store.read(typed).customer.email == stored
    with pytest.raises(InputError, match="there already"):
        store.add(new_record(SignUp(typed, "sub_2")))


def test_a_file_of_an_older_version_is_healthy_and_gets_the_present_names_when_it_is_written(
    store: FileStore, active: Path
) -> None:
    older = documented()
    sent = {"reason": "ready", "to": older["email"], "sentAt": "2026-01-30T05:54:00Z"}
    older["setup"]["letters"] = [sent]
    path = write_old(active, older)
    path.chmod(0o600)
    before = path.read_bytes()

    (listed,) = [listing.customer for listing in store.all() if listing.customer]
    assert [one.sent_at for one in listed.setup.emails] == [sent["sentAt"]]
    assert [finding.problem for finding in store.check().findings if "letters" in finding.problem] == []
    with store.edit(older["email"]):
        pass
    assert path.read_bytes() == before, "who changes nothing writes nothing"

    with store.edit(older["email"]) as record:
        record.add_note("x")

    written = json.loads(only_file(active).read_text())["setup"]
    assert (written["emails"], "letters" in written) == ([sent], False)
    assert store.read(older["email"]).customer.setup.emails == listed.setup.emails


def test_an_id_that_is_written_with_escapes_is_found(store: FileStore, active: Path) -> None:
    path = write_old(active, documented())
    path.write_bytes(path.read_bytes().replace(b'"cust_1234567890"', b'"\\u0063ust_1234567890"'))
    assert store.read("cust_1234567890").customer.id == "cust_1234567890"


def test_who_only_mentions_an_id_is_not_taken_for_its_customer(store: FileStore, active: Path) -> None:
    other = {**documented(), "id": "cust_2", "email": "other@example.com", "name": "cust_1234567890"}
    write_old(active, other)
    with pytest.raises(UnknownCustomer):
        store.read("cust_1234567890")
    write_old(active, documented())
    assert FileStore(active.parent, active.parent / "locks").read("cust_1234567890").customer.email == (
        "customer@example.com"
    )
