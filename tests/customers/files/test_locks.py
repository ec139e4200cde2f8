import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.customers.files.file_store import FileStore
from provisioner.customers.record import Record
from provisioner.errors import BusyError

HOLD = """
import sys, time
from pathlib import Path
from provisioner.customers.files.file_store import FileStore
store = FileStore(Path(sys.argv[1]) / "customers", Path(sys.argv[1]) / "locks")
with {what}:
    print("held", flush=True)
    time.sleep(600)
"""
CLAIM = 'store.claim("customer@example.com", doing="provision customer@example.com")'
EDIT = 'store.edit("customer@example.com", "update name")'


@contextmanager
def another_process(folder: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    """One that holds a lock until it is killed."""
    command = [sys.executable, "-c", HOLD.format(what=what), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_claim_is_refused_and_names_the_holder(
    store: FileStore, customer: Record, tmp_path: Path
) -> None:
    with another_process(tmp_path, CLAIM) as other:
        holder = store.holder("customer@example.com")
        assert holder is not None
        assert (holder.about["pid"], holder.doing) == (other.pid, "provision customer@example.com")
        with pytest.raises(BusyError) as busy, store.claim(customer.customer.id, "provision"):
            raise AssertionError("two at once")
        holds = f"process {other.pid} on {holder.about['host']} holds it since {holder.since}"
        assert holds in str(busy.value)
        assert busy.value.exit_code == 4
        with pytest.raises(BusyError, match=r"^could not provision customer@example\.com: process"):
            store.claim("customer@example.com", "provision customer@example.com").__enter__()


def test_a_killed_holder_frees_the_claim_at_once(store: FileStore, customer: Record, tmp_path: Path) -> None:
    with another_process(tmp_path, CLAIM) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert store.holder("customer@example.com") is None
        with store.claim("customer@example.com", "mine"):
            mine = store.holder("customer@example.com")
            assert mine is not None
            assert mine.about["pid"] == os.getpid()


def test_a_claimed_customer_can_still_be_edited(store: FileStore, customer: Record) -> None:
    with store.claim("customer@example.com", "provision"), store.edit("customer@example.com") as record:
        record.add_note("meanwhile")
    assert store.holder("customer@example.com") is None


def test_claims_of_different_customers_do_not_meet(store: FileStore, customer: Record) -> None:
    from provisioner.customers.new import SignUp, new_record

    store.add(new_record(SignUp("other@example.com", "sub_2")))
    with store.claim("customer@example.com", "a"), store.claim("other@example.com", "b"):
        assert store.holder("other@example.com") is not None


def test_a_write_waits_no_longer_than_it_may_and_names_who_is_in_the_way(
    customer: Record, tmp_path: Path, active: Path
) -> None:
    impatient = FileStore(tmp_path / "customers", tmp_path / "locks", wait_seconds=0.05)
    (path,) = active.iterdir()
    before = path.read_bytes()
    with another_process(tmp_path, EDIT) as other:
        words = f"process {other.pid} .* holds it since .*: update name"
        with pytest.raises(BusyError, match=words), impatient.edit("customer@example.com") as record:
            record.add_note("x")
        with pytest.raises(BusyError):
            impatient.archive("customer@example.com")
        assert path.read_bytes() == before
        impatient.read("customer@example.com")
    with impatient.edit("customer@example.com") as record:
        record.add_note("x")


def test_looking_at_a_claim_never_makes_it_fail(store: FileStore, customer: Record) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            store.holder("customer@example.com")

    onlookers = [threading.Thread(target=look) for _ in range(3)]
    for onlooker in onlookers:
        onlooker.start()
    try:
        for _ in range(50):
            with store.claim("customer@example.com", "x"):
                pass
    finally:
        done.set()
        for onlooker in onlookers:
            onlooker.join()
