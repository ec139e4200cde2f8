"""What every store of records does, whatever keeps them. A new one is another entry in `BACKENDS`."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers import rules
from provisioner.customers.keys import AWAITS_BOT, Key
from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Record
from provisioner.customers.store import CustomerStore, customers_having, everybody
from provisioner.errors import BusyError, InputError, RecordError, UnknownCustomer
from tests.customers.backends import BACKENDS, Backend
from tests.customers.examples import documented, from_old_script

EMAIL = "customer@example.com"
CLAIM = f'store.claim("{EMAIL}", doing="provision {EMAIL}")'
EDIT = f'store.edit("{EMAIL}", "update name")'


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return BACKENDS[request.param](tmp_path)


@pytest.fixture
def store(backend: Backend) -> CustomerStore:
    return backend.open()


@pytest.fixture
def customer(store: CustomerStore) -> Record:
    record = new_record(SignUp(EMAIL, "sub_abc123"))
    store.add(record)
    return record


def add(store: CustomerStore, email: str, subscription: str = "sub_1") -> str:
    record = new_record(SignUp(email, subscription))
    store.add(record)
    return record.customer.id


def notes(store: CustomerStore, who: str = EMAIL) -> list[str]:
    return [note.note for note in store.read(who).customer.notes]


@contextmanager
def another_process(backend: Backend, what: str) -> Iterator[subprocess.Popen[str]]:
    """One that holds a lock until it is killed."""
    hold = (
        f"{backend.source()}import time\nwith {what}:\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def in_another_process(backend: Backend, *lines: str) -> None:
    subprocess.run([sys.executable, "-c", backend.source() + "\n".join(lines)], check=True)


# Finding


def test_an_added_customer_is_found_by_address_in_any_case_and_by_id(store: CustomerStore) -> None:
    customer_id = add(store, "Ada.Lovelace@Example.com")
    for who in ("Ada.Lovelace@example.com", "ada.lovelace@EXAMPLE.com", customer_id):
        assert store.read(who).customer.email == "Ada.Lovelace@example.com"
        assert not store.find(who).archived


def test_what_was_added_is_read_as_it_was(backend: Backend, store: CustomerStore) -> None:
    for data in (documented(), from_old_script()):
        store.add(Record(data))
        kept = backend.open().read(data["email"]).data
        assert list(kept) == list(data)
        assert kept == data


def test_nobody_is_unknown_and_the_nearest_is_named(store: CustomerStore, customer: Record) -> None:
    with pytest.raises(UnknownCustomer) as unknown:
        store.read("costumer@example.com")
    assert unknown.value.hint == "did you mean customer@example.com?"
    for who in ("cust_0", "../../etc/passwd", "../x@example.com", "", "\x00@x.com"):
        with pytest.raises(UnknownCustomer):
            store.read(who)


def test_an_empty_store_has_nobody(store: CustomerStore) -> None:
    assert list(store.all()) == list(store.all(archived=True)) == []
    assert list(store.views()) == []
    assert list(everybody(store)) == []
    assert store.having(("bot", "1")) == []
    with pytest.raises(UnknownCustomer):
        store.find(EMAIL)


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("j\xf6rg@m\xfcnchen.example", "JO\u0308RG@xn--mnchen-3ya.example"),
        ("a@xn--mnchen-3ya.example", "a@m\xfcnchen.example"),
        ("jo\u0308rg@example.com", "j\xf6rg@example.com"),
    ],
)
def test_an_address_outside_ascii_is_found_however_it_is_spelled(
    store: CustomerStore, stored: str, typed: str
) -> None:
    store.add(Record({**documented(), "email": stored}))
    assert store.read(typed).customer.email == stored
    with pytest.raises(InputError, match="there already"):
        add(store, typed)


def test_those_in_the_archive_come_after_those_who_are_here(store: CustomerStore) -> None:
    for email in ("a@example.com", "b@example.com", "c@example.com"):
        add(store, email)
    store.archive("a@example.com")
    assert [one.customer.email for one in store.all() if one.customer] == ["b@example.com", "c@example.com"]
    assert [one.customer.email for one in store.views() if one.customer] == ["b@example.com", "c@example.com"]
    assert [one.archived for one in store.all(archived=True)] == [True]
    assert [one.archived for one in store.views(archived=True)] == [True]
    assert [one.email for one in everybody(store)] == ["b@example.com", "c@example.com", "a@example.com"]


def test_a_broken_record_stops_nobody_else(backend: Backend, store: CustomerStore) -> None:
    add(store, "a@example.com")
    add(store, "broken@example.com")
    backend.damage("broken@example.com")
    assert [listing.customer is None for listing in store.all()] == [False, True]
    assert [str(listing.broken) for listing in store.views()] == [str(one.broken) for one in store.all()]
    assert [one.email for one in everybody(store)] == ["a@example.com"]
    for attempt in (lambda: store.read("broken@example.com"), lambda: add(store, "broken@example.com")):
        with pytest.raises(RecordError):
            attempt()
    with pytest.raises(RecordError), store.edit("broken@example.com"):
        raise AssertionError("it must not get here")
    assert [finding.kind for finding in store.check().findings if finding.kind == "broken"] == ["broken"]
    store.read("a@example.com")


# What events carry


CARRIED: dict[Key, str] = {
    "bot": "7001",
    "user": "42",
    "link code": "c0de",
    "droplet": "123",
    "subscription": "sub_9",
    "stripe customer": "cus_9",
}


def with_all(record: Record) -> None:
    record.update(
        {
            "setup.messaging.botId": CARRIED["bot"],
            "setup.messaging.userId": CARRIED["user"],
            "setup.messaging.link.code": CARRIED["link code"],
            "setup.droplet.id": CARRIED["droplet"],
            "subscription.stripeSubscriptionId": CARRIED["subscription"],
            "subscription.stripeCustomerId": CARRIED["stripe customer"],
        }
    )


@pytest.mark.parametrize("key", CARRIED)
def test_customers_are_found_by_what_an_event_carries(
    store: CustomerStore, customer: Record, key: Key
) -> None:
    add(store, "other@example.com", "sub_other")
    assert store.having((key, CARRIED[key])) == []
    with store.edit(EMAIL) as record:
        with_all(record)
    (found,) = store.having((key, CARRIED[key]))
    assert found.customer == store.read(EMAIL).customer
    assert store.having((key, f"{CARRIED[key]}x")) == []
    others = [other for other in CARRIED if other != key]
    assert not [other for other in others if store.having((other, CARRIED[key]))]


def test_many_are_looked_for_at_once(store: CustomerStore) -> None:
    for name in ("a", "b", "c"):
        add(store, f"{name}@example.com", f"sub_{name}")
    with store.edit("b@example.com") as record:
        record.update({"setup.messaging.userId": "42"})
    found = store.having(
        ("subscription", "sub_a"), ("user", "42"), ("bot", "sub_c"), ("subscription", "sub_b")
    )
    assert [one.customer.email for one in found if one.customer] == ["a@example.com", "b@example.com"]
    assert store.having() == []


def test_those_who_await_a_bot_are_found_until_they_have_one(store: CustomerStore, customer: Record) -> None:
    def awaiting() -> list[str]:
        return [one.customer.email for one in store.having(AWAITS_BOT) if one.customer]

    assert awaiting() == []
    with store.edit(EMAIL) as record:
        record.set("setup.messaging.link.code", "c0de")
    assert awaiting() == [EMAIL]
    with store.edit(EMAIL) as record:
        record.set("setup.messaging.botId", "7001")
    assert awaiting() == []


def test_a_bots_id_is_found_by_its_token_too(store: CustomerStore, customer: Record) -> None:
    with store.edit(EMAIL) as record:
        record.set("setup.messaging.botToken", "7001:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K")
    assert [one.email for one in customers_having(store, "bot", "7001")] == [EMAIL]


def test_all_who_have_it_are_found_the_archived_last(store: CustomerStore) -> None:
    for email in ("a@example.com", "b@example.com", "c@example.com"):
        add(store, email, "sub_same")
    store.archive("a@example.com")
    listings = store.having(("subscription", "sub_same"))
    found = [(one.customer.email, one.archived) for one in listings if one.customer]
    assert found == [("b@example.com", False), ("c@example.com", False), ("a@example.com", True)]


def test_what_another_process_changes_is_found_at_once(
    backend: Backend, store: CustomerStore, customer: Record
) -> None:
    add(store, "other@example.com", "sub_other")
    for number in range(3):
        was, now = f"{number}", f"{number + 1}"
        in_another_process(
            backend, f'with store.edit("{EMAIL}") as record:', f'    record.set("setup.droplet.id", "{now}")'
        )
        assert [one.email for one in customers_having(store, "droplet", now)] == [EMAIL]
        assert customers_having(store, "droplet", was) == []
    in_another_process(backend, f'store.archive("{EMAIL}")')
    assert [one.archived for one in store.having(("droplet", "3"))] == [True]
    lines = ('with store.edit("other@example.com") as record:', '    record.set("email", "new@example.com")')
    in_another_process(backend, *lines)
    assert [one.email for one in customers_having(store, "subscription", "sub_other")] == ["new@example.com"]


def test_what_this_process_changes_is_found_at_once(store: CustomerStore, customer: Record) -> None:
    for number in range(200):
        with store.edit(EMAIL) as record:
            # Of one length, so that a file's size tells nothing.
            record.set("setup.droplet.id", f"{1000 + number}")
        assert [one.email for one in customers_having(store, "droplet", f"{1000 + number}")] == [EMAIL]
        assert customers_having(store, "droplet", f"{1000 + number - 1}") == []


def test_a_broken_record_may_be_the_one(backend: Backend, store: CustomerStore) -> None:
    add(store, "a@example.com", "sub_a")
    add(store, "broken@example.com", "sub_broken")
    backend.damage("broken@example.com")
    for subscription, found in (("sub_a", "a@example.com"), ("sub_broken", None), ("sub_x", None)):
        listings = store.having(("subscription", subscription))
        assert [one.broken is not None for one in listings].count(True) == 1
        assert [one.customer.email for one in listings if one.customer] == ([found] if found else [])


# Changing


@pytest.mark.parametrize("archived", [False, True])
def test_the_same_address_cannot_be_added_again(
    store: CustomerStore, customer: Record, archived: bool
) -> None:
    if archived:
        store.archive(EMAIL)
    with pytest.raises(InputError, match="in the archive already" if archived else "there already"):
        add(store, "CUSTOMER@example.com")
    assert len(list(everybody(store))) == 1


def test_an_id_cannot_be_added_again(store: CustomerStore, customer: Record) -> None:
    twin = Record({**customer.data, "email": "other@example.com"})
    with pytest.raises(InputError, match="there already"):
        store.add(twin)


def test_a_subscription_that_another_has_is_refused_unless_it_may_be_shared(store: CustomerStore) -> None:
    add(store, "a@example.com")
    store.archive("a@example.com")
    record = new_record(SignUp("b@example.com", "sub_1"))
    with pytest.raises(InputError, match=r"a@example\.com has sub_1 already") as refused:
        store.add(record, shared_subscription=False)
    assert "provisioner show a@example.com" in (refused.value.hint or "")
    store.add(record)
    rules.refuse_shared_subscription("x", record.customer, "sub_2", everybody(store))


def test_an_edit_that_raises_changes_nothing(store: CustomerStore, customer: Record) -> None:
    def fail_half_way() -> None:
        with store.edit(EMAIL) as record:
            record.add_note("x")
            record.set("name", "x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert store.read(EMAIL).data == customer.data


def test_an_edit_sees_what_was_written_since(
    backend: Backend, store: CustomerStore, customer: Record
) -> None:
    stale = store.read(EMAIL)
    with backend.open().edit(EMAIL) as record:
        record.add_note("first")
    stale.add_note("lost")
    with store.edit(EMAIL) as record:
        record.add_note("second")
    assert notes(store) == ["first", "second"]


@pytest.mark.parametrize("key", ["notes", "timeline"])
def test_history_cannot_be_lost_or_changed(store: CustomerStore, key: str) -> None:
    store.add(Record(documented()))
    changes: tuple[Callable[[list[Any]], Any], ...] = (
        lambda entries: entries.clear(),
        lambda entries: entries.pop(0),
        lambda entries: entries[0].update(timestamp="2026-01-01T00:00:00Z"),
    )
    for change in changes:
        with pytest.raises(RecordError, match="would lose"), store.edit(EMAIL) as record:
            change(record.data[key])
    assert store.read(EMAIL).data == documented()


def test_what_is_no_record_is_not_written(store: CustomerStore, customer: Record) -> None:
    with pytest.raises(InputError), store.edit(EMAIL) as record:
        record.data["subscription"]["amount"] = -1
    assert store.read(EMAIL).data == customer.data


def test_an_id_never_changes(store: CustomerStore, customer: Record) -> None:
    with pytest.raises(InputError, match="never changes"), store.edit(EMAIL) as record:
        record.set("id", "cust_9")
    assert store.read(EMAIL).data == customer.data


def test_with_a_new_address_the_customer_is_found_by_that_alone(
    store: CustomerStore, customer: Record
) -> None:
    with store.edit(EMAIL) as record:
        record.set("email", "new@example.com")
    assert store.read("new@example.com").customer.id == customer.customer.id
    with pytest.raises(UnknownCustomer):
        store.read(EMAIL)


def test_an_address_cannot_be_changed_to_somebody_elses(store: CustomerStore, customer: Record) -> None:
    add(store, "other@example.com")
    with pytest.raises(InputError, match="there already"), store.edit(EMAIL) as record:
        record.set("email", "Other@example.com")
    assert store.read(EMAIL).customer.id == customer.customer.id


def test_archive_and_restore_change_nothing_in_the_record(store: CustomerStore) -> None:
    data = from_old_script()
    store.add(Record(data))
    assert store.archive(data["email"])
    assert store.find(data["email"]).archived
    assert not store.archive(data["email"])
    assert store.restore(data["id"])
    assert not store.restore(data["id"])
    found = store.find(data["id"])
    assert (found.record.data, found.archived) == (data, False)


def test_an_archived_customer_can_be_noted(store: CustomerStore, customer: Record) -> None:
    store.archive(EMAIL)
    with store.edit(EMAIL) as record:
        record.add_note("came back to ask")
    assert notes(store) == ["came back to ask"]
    assert store.find(EMAIL).archived


def test_many_writers_at_once_lose_nothing(backend: Backend, customer: Record) -> None:
    def write(number: int) -> None:
        store = backend.open(wait_seconds=60)
        for note in range(10):
            with store.edit(EMAIL) as record:
                record.add_note(f"{number}-{note}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    assert sorted(notes(backend.open())) == sorted(f"{who}-{note}" for who in range(6) for note in range(10))


# Claiming


def test_a_second_claim_is_refused_and_names_the_holder(
    backend: Backend, store: CustomerStore, customer: Record
) -> None:
    with another_process(backend, CLAIM) as other:
        holder = store.holder(EMAIL)
        assert holder is not None
        assert (holder.about["pid"], holder.doing) == (other.pid, f"provision {EMAIL}")
        assert store.holder_by_id(customer.customer.id) == holder
        with pytest.raises(BusyError) as busy, store.claim(customer.customer.id, "provision"):
            raise AssertionError("two at once")
        assert str(holder) in str(busy.value)
        assert busy.value.exit_code == 4
        with pytest.raises(BusyError, match=rf"^could not provision customer@example\.com: .*{other.pid}"):
            store.claim(EMAIL, f"provision {EMAIL}").__enter__()


def test_a_killed_holder_frees_the_claim_at_once(
    backend: Backend, store: CustomerStore, customer: Record
) -> None:
    with another_process(backend, CLAIM) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert store.holder(EMAIL) is None
        with store.claim(EMAIL, "mine"):
            mine = store.holder(EMAIL)
            assert mine is not None
            assert mine.about["pid"] == os.getpid()


def test_a_claimed_customer_can_still_be_edited(store: CustomerStore, customer: Record) -> None:
    with store.claim(EMAIL, "provision"), store.edit(EMAIL) as record:
        record.add_note("meanwhile")
    assert store.holder(EMAIL) is None


def test_a_customer_who_is_being_worked_on_is_not_archived(store: CustomerStore, customer: Record) -> None:
    with store.claim(EMAIL, "provision"), pytest.raises(BusyError, match="provision"):
        store.archive(EMAIL)
    assert not store.find(EMAIL).archived


def test_claims_of_different_customers_do_not_meet(store: CustomerStore, customer: Record) -> None:
    add(store, "other@example.com")
    with store.claim(EMAIL, "a"), store.claim("other@example.com", "b"):
        assert store.holder("other@example.com") is not None


def test_a_write_waits_no_longer_than_it_may_and_names_who_is_in_the_way(
    backend: Backend, customer: Record
) -> None:
    impatient = backend.open(wait_seconds=0.05)
    with another_process(backend, EDIT) as other:
        words = f"{other.pid} .* holds it since .*: update name"
        with pytest.raises(BusyError, match=words), impatient.edit(EMAIL) as record:
            record.add_note("x")
        with pytest.raises(BusyError):
            impatient.archive(EMAIL)
        assert impatient.read(EMAIL).data == customer.data
    with impatient.edit(EMAIL) as record:
        record.add_note("x")


def test_looking_at_a_claim_never_makes_it_fail(store: CustomerStore, customer: Record) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            store.holder(EMAIL)

    onlookers = [threading.Thread(target=look) for _ in range(3)]
    for onlooker in onlookers:
        onlooker.start()
    try:
        for _ in range(50):
            with store.claim(EMAIL, "x"):
                pass
    finally:
        done.set()
        for onlooker in onlookers:
            onlooker.join()
