"""How the process deals with events, and how often it looks at Stripe."""

from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import RecordError, StripeError
from provisioner.payments.apply import Applied, Applier
from provisioner.payments.events import envelope_of
from provisioner.payments.sync import Finding, Synced
from provisioner.settings import Settings
from provisioner.worker.stripe_events import EventHandler, SyncHandler, sync_of
from provisioner.workspace import init_workspace
from tests.payments.records import Place
from tests.payments.stripe_events import Person


def test_each_event_is_one_line_and_the_first_problem_is_raised_at_the_end(tmp_path: Path) -> None:
    place, said = Place(tmp_path), list[str]()
    handled: list[Applied] = []
    applier = Applier(place.store, place.inbox, place.policy)
    handler = EventHandler(applier, place.inbox, said.append, handled.append)
    ada = Person("ada", "ada@example.com")
    place.receive(*ada.subscribe())

    handler.look()

    assert [line.split(": ")[1] for line in said] == ["kept"] * 3 + ["applied"] + ["applied"] * 3
    assert "(ada@example.com)" in said[-1]
    assert len(handled[0].changed) == 1
    path = next((tmp_path / "customers" / "active").glob("*.json"))
    path.write_bytes(path.read_bytes()[:-20])
    place.receive(*ada.refund())
    with pytest.raises(RecordError):
        handler.look()


class Account:
    """A comparison that counts how often it is made."""

    def __init__(self) -> None:
        self.fetched = self.compared = 0
        self.problems: list[Any] = []

    def fetch_missed(self) -> Synced:
        self.fetched += 1
        return Synced(missed=1, problems=self.problems)

    def compare(self) -> Synced:
        self.compared += 1
        return Synced(missed=1, findings=[Finding("sub_1", None, "is in no record")])


def test_missed_events_are_fetched_each_time_and_all_is_compared_once_a_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("provisioner.worker.stripe_events.time.monotonic", lambda: now)
    account, told, said = Account(), list[list[Finding]](), list[str]()
    handler = SyncHandler(account, told.append, said.append)  # type: ignore[arg-type]
    for _ in range(25):
        handler.look()
        now += 3600

    assert (account.fetched, account.compared, len(told)) == (23, 2, 2)
    handler.compare_next()
    handler.look()
    handler.look()
    assert (account.fetched, account.compared) == (24, 3)
    assert said[0] == "sync: 1 events were missed, 0 records were behind"
    account.problems = [StripeError("look", cause="no")]
    with pytest.raises(StripeError):
        handler.look()


def test_without_a_key_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "workspace")
    assert sync_of(workspace, Settings()) is None
    assert envelope_of(next(Person("ada", "a@example.com").subscribe())).livemode
