import itertools
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.errors import BusyError, CloudError, InputError
from provisioner.runs.progress import Progress
from provisioner.runs.runner import Runner
from provisioner.runs.workflow import Workflow
from provisioner.settings import Settings
from provisioner.step import Done, Failed, Outcome, Planned, Step, Waiting, Work
from provisioner.workspace import Workspace, init_workspace
from tests.steps.support import FastClock, workflow

EMAIL = "customer@example.com"
TOKEN = "123456789:AAAbbbCCCdddEEEfffGGGhhhIIIjjjKKKLLL"


@dataclass
class FakeStep(Step):
    """A step that is done when the record has an event with its name; `runs` are what its runs do in turn."""

    name: str
    runs: list[Callable[[Work], Outcome]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    looks: Iterator[bool] = field(default_factory=lambda: itertools.repeat(True))

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return self.missing

    def done(self, customer: Customer) -> bool:
        return any(event.event == self.name for event in customer.timeline)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned(f"do {self.name}", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        if self.runs:
            return self.runs.pop(0)(work)
        work.record(self.name, "done")
        return Done()

    def arrived(self, work: Work) -> bool:
        return next(self.looks)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path / "workspace")
    workspace.store().add(new_record(SignUp(EMAIL, "sub_1")))
    return workspace


@dataclass
class Stage:
    workspace: Workspace
    heard: list[Progress] = field(default_factory=list)
    clock: FastClock = field(default_factory=FastClock)

    def runner(self, *steps: FakeStep) -> Runner:
        return Runner(
            self.workspace, Settings(), self.heard.append, workflow=workflow(*steps), clock=self.clock
        )

    def events(self) -> list[str]:
        return [event.event for event in self.workspace.store().read(EMAIL).customer.timeline]

    def kinds(self) -> list[tuple[str, str]]:
        return [(progress.step, progress.kind) for progress in self.heard]


@pytest.fixture
def stage(workspace: Workspace) -> Stage:
    return Stage(workspace)


def test_steps_run_in_their_order_and_a_second_run_does_nothing(stage: Stage) -> None:
    runner = stage.runner(FakeStep("one"), FakeStep("two"))

    first = runner.run(EMAIL)
    before = stage.workspace.store().read(EMAIL).data
    second = runner.run(EMAIL)

    assert (first.outcome, first.step) == (Done(), "two")
    assert (second.outcome, second.step) == (Done(), None)
    assert stage.events() == ["subscription_created", "one", "two"]
    assert stage.workspace.store().read(EMAIL).data == before
    assert len(list(stage.workspace.runs_dir.iterdir())) == 1


def test_each_step_that_was_run_has_its_time(stage: Stage) -> None:
    def slow(work: Work) -> Outcome:
        work.clock.sleep(40)
        work.record("two", "done")
        return Done()

    runner = stage.runner(FakeStep("one"), FakeStep("two", runs=[slow]))

    result = runner.run(EMAIL)

    assert [(step, round(seconds)) for step, seconds in result.steps] == [("one", 0), ("two", 40)]
    assert runner.run(EMAIL).steps == ()


def test_a_failure_stops_the_run_and_the_next_run_goes_on_there(stage: Stage) -> None:
    error = CloudError("create the droplet", cause="no", hint="ask")

    def fail(work: Work) -> Outcome:
        raise error

    two = FakeStep("two", runs=[fail])
    runner = stage.runner(FakeStep("one"), two, FakeStep("three"))

    assert runner.run(EMAIL).outcome == Failed(error)
    assert stage.events() == ["subscription_created", "one"]
    assert runner.run(EMAIL).outcome == Done()
    assert stage.kinds() == [
        ("one", "started"),
        ("one", "done"),
        ("two", "started"),
        ("two", "failed"),
        ("one", "skipped"),
        ("two", "started"),
        ("two", "done"),
        ("three", "started"),
        ("three", "done"),
    ]


def test_waiting_is_noted_once_and_cleared_when_it_is_over(stage: Stage) -> None:
    def wait(work: Work) -> Outcome:
        return Waiting("@ada", "to press Start")

    step = FakeStep("messaging", runs=[wait, wait])
    runner = stage.runner(step)

    assert runner.run(EMAIL).outcome == Waiting("@ada", "to press Start")
    noted = stage.workspace.store().read(EMAIL).customer.setup.waiting
    assert noted is not None
    assert (noted.of, noted.for_) == ("@ada", "to press Start")
    runner.run(EMAIL)
    assert stage.events().count("waiting_for_customer") == 1
    assert stage.workspace.store().read(EMAIL).customer.setup.waiting == noted

    assert runner.run(EMAIL).outcome == Done()
    assert stage.workspace.store().read(EMAIL).customer.setup.waiting is None


def test_a_patient_run_looks_until_it_has_come(stage: Stage) -> None:
    def wait(work: Work) -> Outcome:
        return Waiting("@ada", "to press Start", "start")

    step = FakeStep("messaging", runs=[wait], looks=iter([False, False, True]))
    result = stage.runner(step).run(EMAIL, patience=3600)

    assert result.outcome == Done()
    assert len(stage.clock.waited) == 3


def test_patience_ends_and_begins_only_with_the_waiting(stage: Stage) -> None:
    def slow(work: Work) -> Outcome:
        stage.clock.sleep(500)
        work.record("one", "done")
        return Done()

    def wait(work: Work) -> Outcome:
        return Waiting("@ada", "to press Start")

    never = FakeStep("two", [wait], looks=itertools.repeat(False))
    result = stage.runner(FakeStep("one", [slow]), never).run(EMAIL, patience=10)

    assert isinstance(result.outcome, Waiting)
    assert sum(stage.clock.waited) == pytest.approx(510)


def test_until_stops_after_that_step_and_refuses_one_that_is_not_there(stage: Stage) -> None:
    runner = stage.runner(FakeStep("one"), FakeStep("two"))

    assert runner.run(EMAIL, until="one").step == "one"
    assert stage.events() == ["subscription_created", "one"]
    with pytest.raises(InputError, match="there is no step 'three'"):
        runner.run(EMAIL, until="three")


def test_all_that_is_missing_is_named_at_once_and_nothing_is_written(stage: Stage) -> None:
    before = stage.workspace.store().read(EMAIL).data
    one, two = FakeStep("one", missing=["set A"]), FakeStep("two", missing=["set B", "set C"])

    with pytest.raises(InputError) as refusal:
        stage.runner(one, two).run(EMAIL)

    assert refusal.value.hint == "set A\nset B\nset C"
    assert stage.workspace.store().read(EMAIL).data == before
    assert list(stage.workspace.runs_dir.glob("*.jsonl")) == []


def test_what_is_done_needs_nothing_any_more(stage: Stage) -> None:
    one, two = FakeStep("one"), FakeStep("two")
    stage.runner(one).run(EMAIL)
    one.missing = ["set A"]

    assert stage.runner(one, two).run(EMAIL).outcome == Done()


@pytest.mark.parametrize("status", ["cancelled", "handed_over"])
def test_a_customer_who_has_gone_is_not_set_up(stage: Stage, status: str) -> None:
    with stage.workspace.store().edit(EMAIL) as record:
        record.set("status", status)

    with pytest.raises(InputError, match=status):
        stage.runner(FakeStep("one")).run(EMAIL)


def test_one_who_is_cancelled_before_the_run_has_them_is_not_set_up(stage: Stage) -> None:
    @dataclass
    class Cancelled(FakeStep):
        def needs(self, settings: Settings, customer: Customer) -> list[str]:
            with stage.workspace.store().edit(EMAIL) as record:
                record.set("status", "cancelled")
            return []

    with pytest.raises(InputError, match="cancelled"):
        stage.runner(Cancelled("one")).run(EMAIL)

    assert stage.events() == ["subscription_created"]
    assert list(stage.workspace.runs_dir.glob("*.jsonl")) == []


def test_a_workflow_starts_only_from_its_statuses(stage: Stage) -> None:
    upgrade = Workflow("upgrade", (FakeStep("one"),), allowed_statuses=("active",))
    runner = Runner(stage.workspace, Settings(), stage.heard.append, workflow=upgrade, clock=stage.clock)

    with pytest.raises(InputError, match="the status is pending_setup") as refusal:
        runner.run(EMAIL)
    assert refusal.value.hint == "upgrade may start where it is active"

    with stage.workspace.store().edit(EMAIL) as record:
        record.set("status", "active")
    assert runner.run(EMAIL).outcome == Done()


def test_an_archived_customer_is_not_set_up(stage: Stage) -> None:
    stage.workspace.store().archive(EMAIL)

    with pytest.raises(InputError, match="archived"):
        stage.runner(FakeStep("one")).run(EMAIL)


def test_a_second_run_is_refused_while_one_is_at_work(stage: Stage) -> None:
    other = stage.runner(FakeStep("one"))
    refusals = []

    def meanwhile(work: Work) -> Outcome:
        with pytest.raises(BusyError) as refusal:
            other.run(EMAIL)
        refusals.append(refusal.value)
        work.record("one", "done")
        return Done()

    assert stage.runner(FakeStep("one", [meanwhile])).run(EMAIL).outcome == Done()
    assert str(os.getpid()) in refusals[0].summary


def test_the_run_is_logged_without_secrets_for_the_operator_alone(stage: Stage) -> None:
    with stage.workspace.store().edit(EMAIL) as record:
        record.set("setup.messaging.botToken", TOKEN)

    def leak(work: Work) -> Outcome:
        work.say(f"the token is {TOKEN}")
        raise CloudError("do it", cause=f"with {TOKEN}")

    result = stage.runner(FakeStep("one", [leak])).run(EMAIL)

    log = stage.workspace.runs_dir / f"{result.run}.jsonl"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["started", "said", "failed"]
    assert TOKEN not in log.read_text()
    assert all(TOKEN not in progress.text for progress in stage.heard)


@dataclass
class EarlyFake(FakeStep):
    """A step that has something to do when the run begins."""

    early: list[Callable[[Work], None]] = field(default_factory=list)

    def begin(self, work: Work) -> None:
        self.early.pop(0)(work)


def test_what_a_step_has_to_do_early_is_done_before_the_first_step(stage: Stage) -> None:
    late = EarlyFake("late", early=[lambda work: work.record("early", "done")])

    assert stage.runner(FakeStep("one"), late).run(EMAIL).outcome == Done()

    assert stage.events() == ["subscription_created", "early", "one", "late"]


def test_a_step_that_is_done_does_nothing_early(stage: Stage) -> None:
    with stage.workspace.store().edit(EMAIL) as record:
        record.add_event("late", "done")

    assert stage.runner(FakeStep("one"), EarlyFake("late")).run(EMAIL).outcome == Done()


@pytest.mark.parametrize("retry", [True, False])
def test_an_early_error_stops_the_run_only_if_no_retry_mends_it(stage: Stage, retry: bool) -> None:
    error = CloudError("ask", cause="no", retry=retry)

    def fail(work: Work) -> None:
        raise error

    result = stage.runner(FakeStep("one"), EarlyFake("late", early=[fail])).run(EMAIL)

    if retry:
        assert result.outcome == Done()
        assert stage.kinds()[0] == ("late", "said")
    else:
        assert (result.outcome, result.step) == (Failed(error), "late")
        assert stage.events() == ["subscription_created"]


KEY = "a-key-of-no-known-form"


def _tell(work: Work) -> Outcome:
    work.say(f"said {KEY}")
    work.record("told", f"An event with {KEY}")
    raise CloudError("create the droplet", cause=f"refused {KEY}", hint=f"do not use {KEY}")


def test_what_env_holds_is_in_no_event_no_log_and_nothing_that_is_told(stage: Stage) -> None:
    (stage.workspace.root / ".env").write_text(f"ANTHROPIC_API_KEY={KEY}\n")
    result = stage.runner(FakeStep("one", runs=[_tell])).run(EMAIL)
    assert isinstance(result.outcome, Failed)
    event = stage.workspace.store().read(EMAIL).customer.timeline[-1]
    assert (event.event, event.details) == ("told", "An event with [hidden]")
    texts = {progress.kind: progress.text for progress in stage.heard}
    assert texts["said"] == "said [hidden]"
    assert texts["failed"] == "could not create the droplet: refused [hidden]"
    log = (stage.workspace.runs_dir / f"{result.run}.jsonl").read_text("utf-8")
    assert "refused [hidden]" in log
    assert KEY not in log


def test_what_the_record_holds_is_cut_as_well(stage: Stage) -> None:
    with stage.workspace.store().edit(EMAIL) as record:
        record.set("setup.messaging.botToken", KEY)
    stage.runner(FakeStep("one", runs=[_tell])).run(EMAIL)
    assert stage.workspace.store().read(EMAIL).customer.timeline[-1].details == "An event with [hidden]"
    assert all(KEY not in progress.text for progress in stage.heard)
