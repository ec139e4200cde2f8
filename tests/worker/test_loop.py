"""The worker with steps that are told what to do: who comes when, what is written, and who is told."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.errors import CloudError, SomethingMissing
from provisioner.runs.workflow import CANCEL
from provisioner.services.digitalocean.errors import DropletGone
from provisioner.settings import BillingSettings, Settings, WorkerSettings
from provisioner.step import Done, Outcome, Planned, Step, Waiting, Work
from provisioner.worker.alerts import GATHER_SECONDS, Alerts, Way
from provisioner.worker.due import WORKFLOWS
from provisioner.worker.loop import BUSY_SECONDS, LOOK_SECONDS, Worker
from provisioner.workspace import Workspace, init_workspace
from tests.dying import killed_at
from tests.steps.support import workflow
from tests.worker.test_due import UNPAID, WAITING

ASKED = [{"workflow": "provision", "at": "2026-02-28T00:00:00Z", "by": "Stripe"}]
Do = Callable[[Work], Outcome]


@dataclass
class OnlyStep(Step):
    """Done when the record says so; what it does is said for each address."""

    plans: dict[str, Do] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    name: str = "only"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return any(event.event == "only" for event in customer.timeline)

    def plan(self, work: Work) -> list[Planned]:
        return []

    def run(self, work: Work) -> Outcome:
        self.begun.append(work.customer.email)
        return self.plans.get(work.customer.email, finish)(work)


def finish(work: Work) -> Outcome:
    work.record("only", "done")
    return Done()


def fail(work: Work) -> Outcome:
    raise CloudError("create the droplet", cause="no", hint="buy one")


def fail_for_now(work: Work) -> Outcome:
    raise CloudError("create the droplet", cause="later", retry=True)


@dataclass
class Stage:
    """A workspace, its worker, and time that passes as it is told to."""

    workspace: Workspace
    step: OnlyStep
    seconds: float = 1000.0
    said: list[str] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)

    def worker(self) -> Worker:
        return Worker(
            self.workspace,
            self.settings,
            self.alerts,
            self.said.append,
            clock=lambda: self.seconds,
            now=self.now,
        )

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    @property
    def alerts(self) -> Alerts:
        return Alerts(self.workspace.state_dir / "worker", self.now)

    def add(self, *names: str, **fields: Any) -> list[str]:
        emails = [f"{name}@example.com" for name in names]
        for email in emails:
            record = new_record(SignUp(email, f"sub_{email[:3]}"))
            record.update(fields or {"requests": ASKED})
            self.workspace.store().add(record)
        return emails

    def document(self, email: str) -> dict[str, Any]:
        return dict(self.workspace.store().read(email).data)

    def turn(self, worker: Worker, rounds: int = 2) -> None:
        """Rounds, with all that was begun in one ended before the next."""
        for _ in range(rounds):
            worker.round()
            worker.fleet.drain()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    workspace, _ = init_workspace(tmp_path / "workspace")
    step = OnlyStep()
    monkeypatch.setitem(WORKFLOWS, "provision", workflow(step))
    return Stage(workspace, step)


def test_what_was_asked_for_is_done_and_taken_out(stage: Stage) -> None:
    (ada,) = stage.add("ada")

    stage.turn(stage.worker())

    assert stage.step.begun == [ada]
    assert stage.document(ada)["requests"] == []
    assert stage.alerts.open == []


def test_a_failure_is_put_off_longer_each_time_and_told_once(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.step.plans = {ada: fail}
    worker = stage.worker()
    pauses = []
    for _ in range(4):
        stage.turn(worker)
        retry = stage.document(ada)["retry"]
        until = datetime.fromisoformat(retry["notBefore"])
        pauses.append((until - worker.now()).total_seconds())
        stage.seconds += pauses[-1] - 1
        stage.turn(worker)
        assert len(stage.step.begun) == retry["failures"], "it was left alone until then"
        stage.seconds += 1

    assert pauses == [60, 120, 240, 480]
    assert retry["error"] == "could not create the droplet: no"
    (alert,) = stage.alerts.open
    assert alert.whom == ada
    assert alert.text.endswith(f"buy one\nthen: provisioner provision {ada}")
    assert stage.document(ada)["requests"] == ASKED


def test_what_may_pass_by_itself_is_told_when_it_does_not(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.step.plans = {ada: fail_for_now}
    worker = stage.worker()
    for failures in (1, 2, 3):
        stage.turn(worker)
        stage.seconds += 3600
        assert bool(stage.alerts.open) is (failures == 3)


def test_what_goes_well_again_ends_the_alert_and_the_pause(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.step.plans = {ada: fail}
    worker = stage.worker()
    stage.turn(worker)
    assert stage.alerts.open
    stage.step.plans = {}
    stage.seconds += 3600

    stage.turn(worker)

    assert stage.alerts.open == []
    assert stage.document(ada)["retry"] is None
    assert stage.document(ada)["requests"] == []


def test_another_worker_keeps_to_what_the_record_says(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.step.plans = {ada: fail}
    stage.turn(stage.worker())

    stage.turn(stage.worker())

    assert len(stage.step.begun) == 1


def test_one_who_always_fails_keeps_nobody_waiting(stage: Stage) -> None:
    stage.settings = Settings(worker=WorkerSettings(jobs=1))
    emails = stage.add("bad", "c1", "c2", "c3")
    stage.step.plans = {emails[0]: fail}
    worker = stage.worker()

    for _ in range(6):
        stage.turn(worker, 1)
        stage.seconds += 61

    assert set(stage.step.begun) == set(emails)
    assert stage.step.begun.count(emails[0]) >= 2


def test_no_more_are_at_work_than_there_are_places(stage: Stage) -> None:
    stage.settings = Settings(worker=WorkerSettings(jobs=2))
    emails = stage.add("c1", "c2", "c3", "c4")
    let_go = threading.Event()

    def wait(work: Work) -> Outcome:
        assert let_go.wait(60)
        return finish(work)

    stage.step.plans = dict.fromkeys(emails, wait)
    worker = stage.worker()
    worker.round()
    worker.round()
    assert worker.at_work == 2
    assert len(stage.step.begun) <= 2
    let_go.set()
    stage.turn(worker, 4)

    assert sorted(stage.step.begun) == sorted(emails)


def test_who_is_at_work_is_not_begun_again(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    let_go, ended = threading.Event(), list[str]()

    def wait(work: Work) -> Outcome:
        assert let_go.wait(60)
        return finish(work)

    stage.step.plans = {ada: wait}
    worker = stage.worker()
    worker.ended = lambda _workflow, outcome: ended.append(outcome)
    worker.round()
    worker.round()
    let_go.set()
    stage.turn(worker)

    assert ended == ["done"]


def test_of_many_who_are_waited_for_each_has_a_turn(stage: Stage) -> None:
    stage.settings = Settings(worker=WorkerSettings(jobs=1))
    waiting = {f"setup.{name}": value for name, value in WAITING["setup"].items()}
    emails = stage.add("c1", "c2", "c3", status="in_progress", **waiting)
    stage.step.plans = dict.fromkeys(emails, lambda _: Waiting("@ada", "to tap"))
    worker = stage.worker()

    for _ in range(6):
        stage.turn(worker, 1)
        stage.seconds += LOOK_SECONDS

    assert {stage.step.begun.count(email) for email in emails} == {2}


def test_without_places_nothing_is_done_by_itself(stage: Stage) -> None:
    stage.settings = Settings(worker=WorkerSettings(jobs=0))
    (ada,) = stage.add("ada")
    before = stage.document(ada)
    stage.turn(stage.worker())
    assert stage.document(ada) == before


def test_who_is_waited_for_is_looked_at_now_and_then_and_when_the_record_changes(stage: Stage) -> None:
    (ada,) = stage.add("ada", status="in_progress", **{f"setup.{k}": v for k, v in WAITING["setup"].items()})
    stage.step.plans = {ada: lambda _: Waiting("@ada", "to tap")}
    worker = stage.worker()
    stage.turn(worker, 3)
    assert len(stage.step.begun) == 1
    stage.seconds += LOOK_SECONDS
    stage.turn(worker, 3)
    assert len(stage.step.begun) == 2

    with stage.workspace.store().edit(ada) as record:
        record.add_event("tapped", "Start")
    stage.turn(worker, 3)

    assert len(stage.step.begun) == 3


def test_who_is_another_processs_is_left_to_it(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    worker = stage.worker()
    with stage.workspace.store().claim(ada, "something else"):
        stage.turn(worker, 3)
    assert "retry" not in stage.document(ada)
    stage.turn(worker)
    assert stage.step.begun == []
    stage.seconds += BUSY_SECONDS

    stage.turn(worker)

    assert stage.step.begun == [ada]


def unpaid() -> dict[str, Any]:
    return {f"subscription.{name}": value for name, value in UNPAID["subscription"].items()}


@pytest.mark.parametrize("place", ["nowhere", "before a request is taken up", "after a request is taken up"])
def test_who_has_not_paid_is_paused_once_and_goes_on_when_they_have(
    stage: Stage, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.settings = Settings(billing=BillingSettings(when_unpaid="pause"))
    (ada,) = stage.add("ada", status="active", **unpaid())
    with killed_at(place):
        stage.turn(stage.worker())

    stage.turn(stage.worker(), 3)

    record = stage.document(ada)
    pause = record["setup"]["pause"]
    assert (pause["by"], pause["untilPaid"], record["status"]) == ("the worker", True, "active")
    assert pause["pausedAt"]
    assert "requests" not in record
    events = [(one["event"], one.get("by")) for one in record["timeline"]]
    assert events.count(("pause_requested", "the worker")) == 1

    with stage.workspace.store().edit(ada) as edited:
        edited.set("subscription.status", "active")
    stage.turn(stage.worker(), 3)

    record = stage.document(ada)
    assert record["setup"]["pause"] is None
    assert record["timeline"][-1]["event"] == "assistant_resumed"
    # A person who ends the pause has decided: it is not asked for again because of the same payment.
    with stage.workspace.store().edit(ada) as edited:
        edited.set("subscription.status", "past_due")
    stage.turn(stage.worker(), 3)
    assert stage.document(ada)["setup"]["pause"] is None


def test_a_leave_that_is_not_at_its_end_goes_on_in_the_archive(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"requestedAt": "2026-02-01T00:00:00Z", "stopAt": "2026-02-01T00:00:00Z", "graceDays": 0}
    (ada,) = stage.add("ada", status="cancelled", leaving=asked)
    stage.workspace.store().archive(ada)
    monkeypatch.setitem(WORKFLOWS, "cancel", replace(CANCEL, steps=(stage.step,)))

    stage.turn(stage.worker())

    assert stage.step.begun == [ada]


@pytest.mark.parametrize("place", ["nowhere", "after a request is taken up"])
def test_a_request_to_leave_becomes_the_customers_leave(
    stage: Stage, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"workflow": "cancel", "at": "2026-02-28T00:00:00Z", "by": "Stripe", "reason": "sub_1 has ended"}
    (ada,) = stage.add("ada", requests=[asked])
    monkeypatch.setitem(WORKFLOWS, "cancel", workflow(stage.step))
    with killed_at(place):
        stage.worker().round()
    worker = stage.worker()
    stage.seconds = (datetime.now(UTC) - datetime(2026, 3, 1, tzinfo=UTC)).total_seconds() + 1

    stage.turn(worker)

    record = stage.document(ada)
    assert record["requests"] == []
    assert (record["leaving"]["by"], record["leaving"]["reason"]) == ("Stripe", "sub_1 has ended")
    assert [one["event"] for one in record["timeline"]].count("cancellation_requested") == 1
    assert stage.step.begun == [ada]


def test_a_record_that_cannot_be_read_is_told_once_and_stops_nobody(stage: Stage) -> None:
    bad, good = stage.add("bad", "good")
    path = next((stage.workspace.customers_dir / "active").glob("bad*"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    worker = stage.worker()
    stage.turn(worker, 3)
    assert stage.step.begun == [good]
    assert len(stage.alerts.open) == 1

    path.write_bytes(whole)
    stage.turn(worker)

    assert stage.alerts.open == []
    assert stage.step.begun == [good, bad]


MISSING = "set ANTHROPIC_API_KEY in the environment or in .env"


def lack(work: Work) -> Outcome:
    raise SomethingMissing(
        "set the customer up", whom=work.customer.email, cause="something is missing", hint=MISSING
    )


def test_what_all_meet_is_told_once_with_how_many_they_are(stage: Stage) -> None:
    emails = stage.add(*(f"c{number}" for number in range(7)))
    stage.step.plans = dict.fromkeys(emails, lack)
    worker, told = stage.worker(), list[str]()
    ways: dict[str, Way] = {"mail": lambda _subject, text: told.append(text)}
    stage.turn(worker, 3)
    stage.alerts.send(ways)
    assert told == [], "others may meet it yet"

    stage.seconds += GATHER_SECONDS
    stage.alerts.send(ways)
    stage.seconds += 3600
    stage.turn(worker, 3)
    stage.alerts.send(ways)

    (text,) = told
    assert text.startswith("7 customers: could not set the customer up: something is missing\n" + MISSING)
    assert text.endswith(
        "They are c0@example.com, c1@example.com, c2@example.com, c3@example.com, c4@example.com and 2 more."
    )
    stage.step.plans = dict.fromkeys(emails[:1], lack)
    stage.seconds += 7 * 3600
    stage.turn(worker, 3)
    (still,) = stage.alerts.open
    assert list(still.concerns.values()) == emails[:1]
    stage.step.plans = {}
    stage.seconds += 7 * 3600
    stage.turn(worker, 3)
    assert stage.alerts.open == []


def test_another_kind_of_error_is_told_too_and_the_same_one_is_not(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    worker = stage.worker()
    gone = DropletGone(ada, "droplet 7 is gone", "rebuild it")
    for error in (CloudError("create it", cause="no"), gone, gone, CloudError("create it", cause="no")):

        def meet(_: Work, error: CloudError = error) -> Outcome:
            raise error

        stage.step.plans = {ada: meet}
        stage.turn(worker)
        stage.seconds += 7 * 3600

    assert [one.text.splitlines()[0] for one in stage.alerts.open] == [
        "could not create it: no",
        f"could not reach the droplet for {ada}: droplet 7 is gone",
    ]
    stage.step.plans = {}
    stage.turn(worker)
    assert stage.alerts.open == []


def test_what_a_service_says_of_each_request_makes_no_other_cause(stage: Stage) -> None:
    emails = stage.add("ada", "bob")

    def lack_token(work: Work) -> Outcome:
        hint = f"DIGITALOCEAN_ACCESS_TOKEN: refused (status 401, request {work.customer.id}-ab): make one"
        raise SomethingMissing("set up", whom=work.customer.email, cause="something is missing", hint=hint)

    stage.step.plans = dict.fromkeys(emails, lack_token)
    stage.turn(stage.worker())

    (alert,) = stage.alerts.open
    assert sorted(alert.concerns.values()) == emails


def test_what_is_missing_of_the_customer_is_told_of_each(stage: Stage) -> None:
    emails = stage.add("ada", "bob")

    def lack_own(work: Work) -> Outcome:
        hint = f"provisioner update {work.customer.email} setup.messaging.platform telegram"
        raise SomethingMissing("set up", whom=work.customer.email, cause="something is missing", hint=hint)

    stage.step.plans = dict.fromkeys(emails, lack_own)
    stage.turn(stage.worker())

    assert sorted(str(one.whom) for one in stage.alerts.open) == emails


def test_who_leaves_is_nobodys_trouble_any_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (ada,) = stage.add("ada")
    stage.step.plans = {ada: fail}
    worker = stage.worker()
    stage.turn(worker)
    assert stage.alerts.open
    monkeypatch.setitem(WORKFLOWS, "cancel", replace(CANCEL, steps=(stage.step,)))
    with stage.workspace.store().edit(ada) as record:
        record.update({"status": "cancelled", "requests": []})

    stage.turn(worker, 1)

    assert stage.alerts.open == []


def test_of_many_looks_that_find_nothing_new_one_log_stays(stage: Stage) -> None:
    (ada,) = stage.add("ada", status="in_progress", **{f"setup.{k}": v for k, v in WAITING["setup"].items()})
    stage.step.plans = {ada: lambda _: Waiting("@ada", "to tap")}
    worker = stage.worker()
    for _ in range(5):
        stage.turn(worker)
        stage.seconds += LOOK_SECONDS
    assert len(stage.step.begun) == 5
    assert len(list(stage.workspace.runs_dir.iterdir())) == 1


def test_killed_at_any_place_nothing_is_lost(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.step.plans = {ada: fail}
    for place in ("before note the failure", "after note the failure"):
        with killed_at(place):
            stage.turn(stage.worker())
        stage.seconds += 7 * 3600
    stage.step.plans = {}
    for place in ("before note what went well", "after note what went well"):
        with killed_at(place):
            stage.turn(stage.worker())

    stage.turn(stage.worker())

    assert stage.document(ada)["requests"] == []
    assert stage.document(ada)["retry"] is None
