"""Many servers looked at: what is wrong is said each time, and written down when it changes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.errors import ProvisionerError, RemoteError
from provisioner.health.look import Look, ServerHealth
from provisioner.health.report import ServerReport
from provisioner.health.sweep import Sweep
from provisioner.settings import Settings
from provisioner.workspace import Workspace, init_workspace
from tests.dying import killed_at
from tests.health.test_judge import WANTED, WELL
from tests.steps.support import FastClock

SETTINGS = Settings.model_validate({"moltbot": {"version": WANTED}})


@dataclass
class Stage:
    """A workspace whose servers say what a test puts here."""

    workspace: Workspace
    says: dict[str, ServerReport | ProvisionerError] = field(default_factory=dict)
    waits: dict[str, list[int | None]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    clock: FastClock = field(default_factory=FastClock)
    visiting: Callable[[Customer], object] = lambda _: None

    def add(self, *names: str) -> list[str]:
        emails = [f"{name}@example.com" for name in names]
        for email in emails:
            record = new_record(SignUp(email, f"sub_{email}", telegram="@ada"))
            record.set("setup.moltbot.version", WANTED)
            record.set("setup.messaging.connected", True)
            record.set("status", "active")
            self.workspace.store().add(record)
        return emails

    @property
    def customers(self) -> list[Customer]:
        return [one.customer for one in self.workspace.store().all() if one.customer is not None]

    def sweep(self, *, mend: bool = False) -> list[ServerHealth]:
        look = Look(SETTINGS, self._visit, self._waiting, self.clock)
        sweep = Sweep(self.workspace.store(), look, mend=mend)
        return list(sweep.over(self.customers, self.said.append))

    def events(self, email: str) -> list[str]:
        timeline = self.workspace.store().read(email).customer.timeline
        return [one.details or "" for one in timeline if one.event == "health_changed"]

    def problems(self, email: str) -> tuple[str, ...] | None:
        health = self.workspace.store().read(email).customer.health
        return None if health is None else health.problems

    def _visit(self, customer: Customer) -> ServerReport:
        self.visiting(customer)
        said = self.says.get(customer.email, WELL)
        if isinstance(said, ProvisionerError):
            raise said
        return said

    def _waiting(self, customer: Customer) -> int | None:
        answers = self.waits.get(customer.email, [0])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(init_workspace(tmp_path / "workspace")[0])


STOPPED = replace(WELL, active=False, state="failed", live=False, ready=False)


def test_only_what_has_changed_is_written_down(stage: Stage) -> None:
    ada, bob = stage.add("ada", "bob")
    before = [stage.workspace.store().read(email).data for email in (ada, bob)]
    assert [one.signs for one in stage.sweep()] == [(), ()]
    assert [stage.workspace.store().read(email).data for email in (ada, bob)] == before

    stage.says[ada] = STOPPED
    for _ in range(3):
        found, well = stage.sweep()
        assert [sign.about for sign in found.problems] == ["gateway"]
        assert well.problems == ()
    assert stage.events(ada) == ["the gateway is stopped (failed)"]
    assert stage.problems(ada) == ("gateway",)

    stage.says[ada] = replace(STOPPED, disk_free=1)
    stage.sweep()
    stage.says[ada] = WELL
    stage.sweep()
    stage.sweep()

    assert stage.events(ada)[1:] == [
        "the disk is full: 1 MB of 50000 MB are free",
        "well again: disk, gateway",
    ]
    assert (stage.problems(ada), stage.problems(bob), stage.events(bob)) == ((), None, [])


def test_a_server_that_does_not_answer_keeps_nobody_from_being_looked_at(stage: Stage) -> None:
    ada, bob = stage.add("ada", "bob")
    stage.says[ada] = RemoteError("connect", cause="droplet 7 is off", hint="switch it on")

    silent, well = stage.sweep()

    assert (silent.report, [sign.hint for sign in silent.signs]) == (None, ["switch it on"])
    assert well.customer.email == bob
    assert stage.events(ada) == ["it does not answer: droplet 7 is off"]
    assert stage.said[-1] == "looked at 2 of 2 servers"


@pytest.mark.parametrize(
    ("answers", "waiting", "is_wrong"),
    [([0], 0, False), ([3, 0], 0, False), ([3, 5], 3, True), ([None], None, False), ([2, None], None, False)],
)
def test_messages_that_still_wait_after_a_moment_are_not_taken(
    stage: Stage, answers: list[int | None], waiting: int | None, is_wrong: bool
) -> None:
    (ada,) = stage.add("ada")
    stage.waits[ada] = answers

    (found,) = stage.sweep()

    assert (found.waiting, [sign.about for sign in found.signs]) == (waiting, ["messages"] * is_wrong)


@pytest.mark.parametrize("place", ["before note the health", "after note the health"])
def test_killed_at_any_place_a_change_is_written_once(stage: Stage, place: str) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = STOPPED
    with killed_at(place):
        stage.sweep()

    stage.sweep()

    assert stage.events(ada) == ["the gateway is stopped (failed)"]


def test_what_cannot_be_written_is_said_with_what_was_seen(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = STOPPED

    def refuse(*_: object) -> Callable[[], None]:
        raise ProvisionerError("write", cause="the disk is full")

    monkeypatch.setattr(Sweep, "_noted", refuse)

    (found,) = stage.sweep()

    assert found.unwritten is not None
    assert [sign.about for sign in found.problems] == ["gateway"]


def mending(stage: Stage, email: str) -> tuple[str, ...] | None:
    health = stage.workspace.store().read(email).customer.health
    return health.mending.about if health is not None and health.mending is not None else None


def test_only_with_a_word_it_is_written_down_that_something_is_to_be_mended(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = STOPPED
    stage.sweep()
    assert mending(stage, ada) is None

    (seen,) = stage.sweep(mend=True)

    assert mending(stage, ada) == ("gateway",)
    assert seen.customer.health == stage.workspace.store().read(ada).customer.health
    before = stage.workspace.store().read(ada).data
    stage.sweep(mend=True)
    assert stage.workspace.store().read(ada).data == before


def test_what_cannot_be_mended_is_not_asked_for(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = RemoteError("connect", cause="no answer")

    stage.sweep(mend=True)

    assert (mending(stage, ada), stage.problems(ada)) == (None, ("server",))


def test_what_a_run_does_meanwhile_is_not_taken_for_what_is_wrong(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = STOPPED
    with stage.workspace.store().claim(ada, "upgrade"):
        (seen,) = stage.sweep(mend=True)

    assert (seen.held, [sign.about for sign in seen.problems]) == (True, ["gateway"])
    assert (stage.problems(ada), mending(stage, ada)) == (None, None)


def test_who_has_left_while_they_were_looked_at_is_not_written_to(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = STOPPED

    def leave(_: Customer) -> None:
        with stage.workspace.store().edit(ada) as record:
            record.set("status", "cancelled")

    stage.visiting = leave
    stage.sweep(mend=True)

    assert (stage.problems(ada), mending(stage, ada)) == (None, None)
