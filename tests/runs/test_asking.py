"""What is asked for stands in the record once, whoever asks how often, and wherever it is killed."""

from itertools import count
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.store import CustomerStore
from provisioner.errors import InputError
from provisioner.runs.asking import ask_for
from provisioner.runs.workflow import BACKUP, PROVISION
from provisioner.timestamps import in_hours
from provisioner.workspace import init_workspace
from tests.dying import killed_at

EMAIL = "ada@example.com"


@pytest.fixture
def store(tmp_path: Path) -> CustomerStore:
    store = init_workspace(tmp_path / "workspace")[0].store()
    store.add(new_record(SignUp(EMAIL, "sub")))
    return store


def test_it_says_by_whom_and_stays_one(store: CustomerStore) -> None:
    ask_for(store, EMAIL, PROVISION, "ben", "they wrote")
    again = ask_for(store, EMAIL, PROVISION, "ada")
    assert [(one.workflow, one.by, one.reason) for one in again.requests] == [
        ("provision", "ben", "they wrote")
    ]
    assert [(one.event, one.by) for one in again.timeline][1:] == [("provision_requested", "ben")]


def test_others_requests_stay(store: CustomerStore) -> None:
    with store.edit(EMAIL) as record:
        record.set("status", "in_progress")
        asked = {"workflow": "dance", "at": in_hours(-1), "by": "ben", "steps": 3}
        record.set("requests", [asked])
    ask_for(store, EMAIL, BACKUP, "ada")
    assert [one["workflow"] for one in store.read(EMAIL).get("requests")] == ["dance", "backup"]
    assert store.read(EMAIL).get("requests")[0]["steps"] == 3


def test_who_asks_does_not_wait_for_a_failure_to_be_old(store: CustomerStore) -> None:
    retry = {"workflow": "provision", "failures": 4, "notBefore": in_hours(6), "error": "x"}
    with store.edit(EMAIL) as record:
        record.set("retry", retry)
    after = ask_for(store, EMAIL, PROVISION, "ada").retry
    assert after is not None
    assert (after.failures, after.not_before) == (4, None)


def test_for_whom_it_may_not_start_nothing_is_written(store: CustomerStore) -> None:
    before = store.read(EMAIL).data
    with pytest.raises(InputError, match="the status is pending_setup"):
        ask_for(store, EMAIL, BACKUP, "ada")
    assert store.read(EMAIL).data == before


def test_killed_anywhere_it_is_there_or_not_and_asked_for_again_it_is_there_once(
    store: CustomerStore,
) -> None:
    for at in count():
        with killed_at(at) as places:
            ask_for(store, EMAIL, PROVISION, "ada")
        found = store.read(EMAIL).customer
        assert len(found.requests) == [one.event for one in found.timeline].count("provision_requested")
        assert len(found.requests) <= 1
        if len(places) <= at:
            break
    assert len(found.requests) == 1
