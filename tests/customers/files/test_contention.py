"""Many processes on one customer at once, and processes that are killed while they write."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from provisioner.customers.files.document import parse
from provisioner.customers.files.file_store import FileStore
from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Record
from provisioner.errors import InputError
from tests.customers.examples import from_old_script, write_old

EMAIL = "old.timer+tag@example.com"
WRITERS, NOTES, UPDATES = 8, 50, 60

WORK = """
import sys
from pathlib import Path
from provisioner.customers.changes import change_field
from provisioner.customers.files.file_store import FileStore
base, what, who, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
store = FileStore(base / "customers", base / "locks", wait_seconds=120)
for number in range(count):
    with store.edit("old.timer+tag@example.com") as record:
        if what == "note":
            record.add_note(f"{who}-{number}")
        else:
            change_field(record, "setup.droplet.id", str(number))
    print(number, flush=True)
"""


def start(base: Path, what: str, who: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORK, str(base), what, who, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_eight_writers_an_updater_and_a_reader(tmp_path: Path, store: FileStore, active: Path) -> None:
    path = write_old(active, from_old_script())
    workers = [start(tmp_path, "note", str(number), NOTES) for number in range(WRITERS)]
    workers.append(start(tmp_path, "update", "u", UPDATES))
    looks = 0
    seen: list[object] = []
    while any(worker.poll() is None for worker in workers):
        timeline = parse(path.read_bytes())["timeline"]
        assert timeline[: len(seen)] == seen
        seen = timeline
        looks += 1
        time.sleep(0.002)
    for worker in workers:
        output, _ = worker.communicate()
        assert worker.returncode == 0
        assert output.split()
    assert looks > 20
    record = store.read(EMAIL)
    wanted = {f"{who}-{number}" for who in range(WRITERS) for number in range(NOTES)}
    assert {note.note for note in record.customer.notes} == wanted
    assert len(record.customer.notes) == WRITERS * NOTES
    updates = [event.details for event in record.customer.timeline if event.event == "field_updated"][1:]
    assert len(updates) == UPDATES
    assert record.get("setup.droplet.id") == str(UPDATES - 1)
    moments = [note.timestamp for note in record.customer.notes]
    assert moments == sorted(moments)
    assert _without_history(dict(record.data)) == _without_history(
        _with_id(from_old_script(), str(UPDATES - 1))
    )


@pytest.mark.parametrize("seed", range(4))
def test_writers_killed_at_any_moment_lose_nothing_that_was_done(
    tmp_path: Path, store: FileStore, active: Path, seed: int
) -> None:
    path = write_old(active, from_old_script())
    moments = random.Random(seed)
    done = 0
    for round_number in range(6):
        worker = start(tmp_path, "note", f"round{round_number}", 10_000)
        assert worker.stdout is not None
        worker.stdout.readline()
        time.sleep(moments.uniform(0, 0.05))
        os.kill(worker.pid, signal.SIGKILL)
        output, _ = worker.communicate()
        said = 1 + len([line for line in output.splitlines() if line])
        notes = Record(parse(path.read_bytes())).customer.notes
        # The last one may have been written and not been told of; a number cut in half counts once.
        assert done + said - 1 <= len(notes) <= done + said + 1
        done = len(notes)
    with store.edit(EMAIL) as record:
        record.add_note("the lock is free")
    assert [entry.name for entry in active.iterdir()] == [path.name]


def test_of_many_who_add_one_address_at_once_one_does(store: FileStore, active: Path) -> None:
    spellings = ["Race@example.com", "race@example.com", "RACE@EXAMPLE.COM"] * 4

    def add(email: str) -> bool:
        try:
            store.add(new_record(SignUp(email, "sub_1")))
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(len(spellings)) as pool:
        assert sum(pool.map(add, spellings)) == 1
    assert len(list(active.iterdir())) == 1


def test_addresses_that_meet_in_one_name_are_all_added_at_once(store: FileStore) -> None:
    emails = [f"a{letter}b@example.com" for letter in "+&_'~äöüéñç"]
    with ThreadPoolExecutor(len(emails)) as pool:
        for added in [pool.submit(store.add, new_record(SignUp(email, "sub_1"))) for email in emails]:
            added.result()
    assert {listing.customer.email for listing in store.all() if listing.customer} == set(emails)
    assert [store.read(email).customer.email for email in emails] == emails


def test_moves_and_changes_at_once_lose_nothing(store: FileStore, active: Path) -> None:
    write_old(active, from_old_script())

    def move(number: int) -> None:
        (store.archive if number % 2 else store.restore)(EMAIL)

    def note(number: int) -> None:
        with store.edit(EMAIL) as record:
            record.add_note(str(number))

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(move if number % 3 == 0 else note, number) for number in range(90)]
        for job in jobs:
            job.result()
    notes = {note.note for note in store.read(EMAIL).customer.notes}
    assert notes == {str(number) for number in range(90) if number % 3}


def _without_history(data: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in data.items() if key not in ("notes", "timeline")}


def _with_id(data: dict[str, object], droplet_id: str) -> dict[str, object]:
    record = Record(data)
    record.set("setup.droplet.id", droplet_id)
    return dict(record.data)
