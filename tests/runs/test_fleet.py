"""Many customers at once, with steps that are told what to do."""

import errno
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.errors import CloudError
from provisioner.runs import fleet as fleet_module
from provisioner.runs.fleet import Fleet, JobResult, worst
from provisioner.runs.progress import Listener, Progress
from provisioner.runs.workflow import Workflow
from provisioner.services.digitalocean.shared import SharedCloud
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Waiting, Work
from provisioner.workspace import Workspace, init_workspace
from tests.steps.support import workflow

PATIENCE = 300
"""Seconds; how long a busy machine may take at most for what happens at once."""
Do = Callable[[Work], Outcome]


@dataclass
class OnlyStep(Step):
    """The one step of these runs: done when the record says so; what it does is said for each address."""

    plans: dict[str, Do] = field(default_factory=dict)
    name: str = "only"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return any(event.event == self.name for event in customer.timeline)

    def plan(self, work: Work) -> list[Planned]:
        return []

    def run(self, work: Work) -> Outcome:
        return self.plans.get(work.customer.email, finish)(work)


def finish(work: Work) -> Outcome:
    work.record("only", "done")
    return Done()


@dataclass
class Stage:
    workspace: Workspace
    step: OnlyStep
    heard: list[Progress] = field(default_factory=list)

    def fleet(self, jobs: int = 50) -> Fleet:
        return self.fleet_telling(self.heard.append, jobs=jobs)

    def fleet_telling(self, listener: Listener, **options: Any) -> Fleet:
        return Fleet(self.workspace, Settings(), listener, **options)

    @property
    def workflow(self) -> Workflow:
        return workflow(self.step)

    def add(self, *names: str) -> list[str]:
        emails = [f"{name}@example.com" for name in names]
        for email in emails:
            self.workspace.store().add(new_record(SignUp(email, "sub")))
        return emails

    def finished(self, email: str) -> bool:
        return self.step.done(self.workspace.store().read(email).customer)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    workspace, _ = init_workspace(tmp_path / "workspace")
    return Stage(workspace, OnlyStep())


def interrupt() -> None:
    """Ctrl-C; the main thread gets it."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def outcomes(endings: list[JobResult]) -> list[int]:
    return [ending.exit_code for ending in endings]


def test_a_failure_a_wait_a_bug_and_a_stranger_stop_nobody_else(stage: Stage) -> None:
    good, bad, slow, odd, last = stage.add("good", "bad", "slow", "odd", "last")

    def fail(work: Work) -> Outcome:
        raise CloudError("create the droplet", cause="no")

    def stumble(work: Work) -> Outcome:
        raise ZeroDivisionError

    stage.step.plans = {bad: fail, slow: lambda _: Waiting("@slow", "to press Start"), odd: stumble}

    endings = stage.fleet().run_all([good, bad, slow, odd, "nobody@example.com", last], stage.workflow)

    assert outcomes(endings) == [0, 1, 3, 1, 2, 0]
    assert [ending.who for ending in endings][:2] == [good, bad]
    assert isinstance(endings[3].bug, ZeroDivisionError)
    assert worst(endings) == 1
    assert stage.finished(good)
    assert stage.finished(last)


def test_no_more_than_the_jobs_are_at_work_at_the_same_moment(stage: Stage) -> None:
    emails = stage.add(*(f"c{number}" for number in range(9)))
    lock, at_work, most = threading.Lock(), 0, 0
    third = threading.Barrier(3, timeout=PATIENCE)

    def count(work: Work) -> Outcome:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        third.wait()
        with lock:
            at_work -= 1
        return finish(work)

    stage.step.plans = dict.fromkeys(emails, count)

    endings = stage.fleet(jobs=3).run_all(emails, stage.workflow)

    assert outcomes(endings) == [0] * 9
    assert most == 3


def test_who_waits_for_a_person_leaves_their_place_to_others(stage: Stage) -> None:
    patient, other = stage.add("patient", "other")
    came = threading.Event()

    def wait(work: Work) -> Outcome:
        return finish(work) if came.is_set() else Waiting("@p", "to press Start")

    def let_them_in(work: Work) -> Outcome:
        came.set()
        return finish(work)

    stage.step.plans = {patient: wait, other: let_them_in}

    endings = stage.fleet(jobs=1).run_all([patient, other], stage.workflow, patience=PATIENCE)

    assert outcomes(endings) == [0, 0]


@pytest.fixture
def _endless_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are waited for after Ctrl-C, however busy the machine is."""
    monkeypatch.setattr(fleet_module, "GRACE_SECONDS", PATIENCE)


@pytest.mark.usefixtures("_endless_grace")
def test_ctrl_c_ends_all_runs_and_what_is_being_written_is_whole(stage: Stage) -> None:
    first, second, third = stage.add("first", "second", "third")
    at_work = threading.Barrier(2, timeout=PATIENCE)

    def work_on(work: Work) -> Outcome:
        at_work.wait()
        if work.customer.email == first:
            interrupt()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            work.say("another turn")
        raise AssertionError("it was never stopped")

    stage.step.plans = {first: work_on, second: work_on}

    endings = stage.fleet(jobs=2).run_all([first, second, third], stage.workflow)

    assert [ending.interrupted for ending in endings] == [True] * 3
    assert worst(endings) == 130
    assert stage.workspace.store().holder(first) is None
    assert outcomes(stage.fleet().run_all([third], stage.workflow)) == [0]


@pytest.mark.usefixtures("_endless_grace")
def test_a_connection_that_is_waited_on_is_closed_at_ctrl_c(stage: Stage) -> None:
    [email] = stage.add("first")
    closed = threading.Event()

    class Server:
        def close(self) -> None:
            closed.set()

    def follow(work: Work) -> Outcome:
        work._server = Server()  # type: ignore[attr-defined]
        interrupt()
        assert closed.wait(PATIENCE)
        raise CloudError("follow the run", cause="the connection is gone")

    stage.step.plans = {email: follow}

    [ending] = stage.fleet().run_all([email], stage.workflow)

    assert ending.interrupted
    assert ending.exit_code == 130


def test_nobody_to_set_up_is_no_failure(stage: Stage) -> None:
    assert stage.fleet().run_all([], stage.workflow) == []
    assert worst([]) == 0


def test_what_cannot_be_shown_ends_nobodys_run(stage: Stage) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    emails = stage.add("first", "second")
    fleet = stage.fleet_telling(full, ended=full)

    assert outcomes(fleet.run_all(emails, stage.workflow)) == [0, 0]


@pytest.mark.usefixtures("_endless_grace")
def test_a_reader_that_leaves_ends_all_runs_as_ctrl_c_does(stage: Stage) -> None:
    emails = stage.add("first", "second")
    left = threading.Event()

    def leave(*_: object) -> None:
        left.set()
        raise BrokenPipeError

    def work_on(work: Work) -> Outcome:
        assert left.wait(PATIENCE)
        for _ in range(2):
            work.say("another turn")
        raise AssertionError("it was never stopped")

    stage.step.plans = dict.fromkeys(emails, work_on)
    endings = stage.fleet_telling(leave).run_all(emails, stage.workflow)

    assert [ending.interrupted for ending in endings] == [True, True]
    assert [ending.bug for ending in endings] == [None, None]
    assert outcomes(stage.fleet().run_all(stage.add("third"), stage.workflow)) == [0]


def test_a_machine_without_threads_refuses_who_is_too_many(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = stage.add("first", "second", "third")
    start = threading.Thread.start

    def starve(thread: threading.Thread) -> None:
        if thread.name == second:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starve)

    endings = stage.fleet(jobs=1).run_all([first, second, third], stage.workflow)

    assert outcomes(endings) == [0, 1, 0]
    assert "--jobs" in str(endings[1].error and endings[1].error.hint)


def test_how_to_end_at_once_is_said_when_runs_take_long_to_stop(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "MOMENT_SECONDS", 0)
    [email] = stage.add("first")
    said = threading.Event()

    def follow(work: Work) -> Outcome:
        interrupt()
        assert said.wait(PATIENCE)
        raise CloudError("follow the run", cause="the connection is gone")

    stage.step.plans = {email: follow}
    fleet = stage.fleet_telling(stage.heard.append, slow_shutdown=said.set)

    assert outcomes(fleet.run_all([email], stage.workflow)) == [130]


def test_jobs_can_be_submitted_while_others_are_at_work(stage: Stage) -> None:
    first, second = stage.add("first", "second")
    other = OnlyStep(name="other")
    second_is_done = threading.Event()

    def wait_for_second(work: Work) -> Outcome:
        assert second_is_done.wait(PATIENCE)
        return finish(work)

    def finish_other(work: Work) -> Outcome:
        work.record("other", "done")
        return Done()

    stage.step.plans, other.plans = {first: wait_for_second}, {second: finish_other}
    fleet = stage.fleet()
    slow = fleet.submit(first, stage.workflow)
    quick = fleet.submit(second, workflow(other))

    assert quick.result(PATIENCE).exit_code == 0
    assert not slow.done()
    second_is_done.set()
    fleet.drain()

    assert slow.done()
    assert stage.finished(first)
    assert not stage.finished(second), "it had another workflow"
    again = fleet.submit(second, stage.workflow)
    fleet.drain()
    assert again.done()
    assert stage.finished(second)


@pytest.mark.parametrize("together", [True, False])
def test_many_customers_read_their_droplets_in_common(stage: Stage, together: bool) -> None:
    settings = Settings(digitalocean_token=SecretStr("t"))
    clouds: list[object] = []

    def look(work: Work) -> Outcome:
        clouds.append(work.services.cloud)
        return finish(work)

    emails = stage.add("first", "second")
    stage.step.plans = dict.fromkeys(emails, look)

    Fleet(stage.workspace, settings, stage.heard.append, together=together).run_all(emails, stage.workflow)

    assert clouds[0] is clouds[1]
    assert isinstance(clouds[0], SharedCloud) is together
