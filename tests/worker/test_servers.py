"""Servers that are watched: who is looked at when, what is asked for, and what the operator is told."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.errors import ProvisionerError, RemoteError
from provisioner.health.look import Look
from provisioner.health.report import ServerReport
from provisioner.health.sweep import Sweep
from provisioner.settings import HealthSettings, Settings, WorkerSettings
from provisioner.timestamps import written
from provisioner.worker.alerts import GATHER_SECONDS, Alerts
from provisioner.worker.servers import ServerWatch
from provisioner.workspace import Workspace, init_workspace
from tests.dying import killed_at
from tests.health.test_judge import WANTED, WELL
from tests.steps.support import FastClock

STOPPED = replace(WELL, active=False, state="failed", live=False, ready=False)
OLD = replace(WELL, running="2026.1.1")
"""Wrong, and nothing that is mended: another version than recorded."""
SILENT = RemoteError("connect", cause="no answer", hint="look at the console")


@dataclass
class Stage:
    """A workspace whose servers say what a test puts here, and time that passes as it is told to."""

    workspace: Workspace
    settings: Settings = field(
        default_factory=lambda: Settings.model_validate({"moltbot": {"version": WANTED}})
    )
    says: dict[str, ServerReport | ProvisionerError] = field(default_factory=dict)
    visiting: Callable[[], object] = lambda: None
    visited: list[str] = field(default_factory=list)
    begun: list[bool] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    clock: FastClock = field(default_factory=FastClock)

    def add(self, *names: str) -> list[str]:
        emails = [f"{name}@example.com" for name in names]
        for email in emails:
            record = new_record(SignUp(email, f"sub_{email}", telegram="@ada"))
            droplet = {"id": "1", "ip": "192.0.2.1", "hostKey": "ssh-ed25519 AAAA"}
            record.update({f"setup.droplet.{name}": value for name, value in droplet.items()})
            moltbot = {"installed": True, "version": WANTED}
            record.update({f"setup.moltbot.{name}": value for name, value in moltbot.items()})
            record.set("status", "active")
            self.workspace.store().add(record)
        return emails

    def watch(self, going_on: Callable[[], bool] = lambda: True) -> ServerWatch:
        """As a new process."""
        sweep = Sweep(
            self.workspace.store(), Look(self.settings, self._visit, lambda _: 0, self.clock), mend=True
        )
        return ServerWatch(
            self.workspace,
            self.settings,
            self.alerts,
            sweep,
            lambda _: None,
            begin=lambda: self.begun.append(True),
            going_on=going_on,
            now=self.now,
        )

    def look(self) -> list[str]:
        """Who was looked at."""
        self.visited.clear()
        self.watch().look()
        return sorted(self.visited)

    def send(self) -> list[str]:
        """What the operator was told by now, each once."""
        self.alerts.send({"mail": lambda _, text: self.told.append(text)})
        return self.told

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time(), UTC)

    @property
    def alerts(self) -> Alerts:
        return Alerts(self.workspace.state_dir / "worker", self.now)

    def customer(self, email: str) -> Customer:
        return self.workspace.store().read(email).customer

    def mended(self, email: str) -> None:
        """As the step mend leaves the record."""
        attempt = {"about": "gateway", "remedy": "restart"}
        moment = written(self.now())
        with self.workspace.store().edit(email) as record:
            record.update(
                {
                    "health.mending": None,
                    "health.attempts": [{**attempt, "begunAt": moment, "endedAt": moment}],
                }
            )

    def _visit(self, customer: Customer) -> ServerReport:
        self.visited.append(customer.email)
        self.visiting()
        said = self.says.get(customer.email, WELL)
        if isinstance(said, ProvisionerError):
            raise said
        return said


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(init_workspace(tmp_path / "workspace")[0])


def test_each_is_looked_at_when_their_time_has_come_whatever_process_it_is(stage: Stage) -> None:
    both = stage.add("ada", "bob")
    assert stage.look() == both
    assert stage.look() == []
    stage.clock.sleep(599)
    assert stage.look() == []
    stage.clock.sleep(1)

    assert stage.look() == both


@pytest.mark.parametrize(
    "settings",
    [
        Settings(health=HealthSettings(every_minutes=0)),
        Settings(worker=WorkerSettings(jobs=0)),
    ],
)
def test_where_nothing_is_to_be_done_nobody_is_looked_at(stage: Stage, settings: Settings) -> None:
    stage.add("ada")
    stage.settings = settings
    assert stage.look() == []


@pytest.mark.parametrize("content", [b"", b"[", b'{"looked": 7}', b'{"looked": {"x": "y"}}', b"\xff"])
def test_what_was_remembered_may_be_lost(stage: Stage, content: bytes) -> None:
    (ada,) = stage.add("ada")
    stage.look()
    path = stage.workspace.state_dir / "worker" / "servers.json"
    assert list(json.loads(path.read_bytes())["looked"]) == [stage.customer(ada).id]
    path.write_bytes(content)

    assert stage.look() == [ada]


def test_who_is_at_work_is_left_alone_until_it_ends(stage: Stage) -> None:
    ada, bob = stage.add("ada", "bob")
    with stage.workspace.store().claim(ada, "upgrade"):
        assert stage.look() == [bob]

    assert stage.look() == [ada]


def test_who_is_at_work_before_the_look_is_over_is_looked_at_again(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = SILENT
    with ExitStack() as runs:
        stage.visiting = lambda: runs.enter_context(stage.workspace.store().claim(ada, "upgrade"))
        assert stage.look() == [ada]
        assert stage.alerts.open == []
    stage.visiting = lambda: None

    assert stage.look() == [ada]

    assert len(stage.alerts.open) == 1


def test_what_can_be_mended_is_asked_for_and_not_told(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = STOPPED

    stage.look()

    health = stage.customer(ada).health
    assert health is not None
    assert health.mending is not None
    assert (health.mending.about, bool(stage.begun)) == (("gateway",), True)
    assert stage.alerts.open == []


def test_what_was_mended_in_vain_is_told_once_and_again_only_when_it_was_well(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = STOPPED
    stage.look()
    stage.clock.sleep(20)
    stage.mended(ada)

    assert stage.look() == [ada], "what was mended is looked at at once"
    for _ in range(4):
        stage.clock.sleep(600)
        stage.look()
        stage.send()

    (said,) = stage.told
    first, tried, hint = said.splitlines()
    assert first == f"{ada}: the gateway is stopped (failed)"
    assert tried.startswith("started the gateway again at 20")
    assert hint == f"provisioner ssh {ada} -- openclaw-gateway restart"
    stage.says[ada] = WELL
    stage.clock.sleep(600)
    stage.look()
    assert stage.alerts.open == []
    stage.says[ada] = STOPPED
    stage.clock.sleep(600)
    stage.look()
    stage.clock.sleep(GATHER_SECONDS)

    assert len(stage.send()) == 2


def test_what_is_over_within_two_minutes_is_told_to_nobody(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = SILENT
    stage.look()
    assert len(stage.alerts.open) == 1
    stage.clock.sleep(60)
    stage.says[ada] = WELL

    assert stage.look() == [ada], "what is new is looked at again soon"

    stage.clock.sleep(600)
    assert stage.send() == []


def test_what_nothing_mends_is_told_with_what_to_do(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = OLD
    stage.look()
    stage.clock.sleep(GATHER_SECONDS)

    (said,) = stage.send()

    assert said.startswith(f"{ada}: Moltbot 2026.9.6 is installed, and 2026.1.1 still runs")
    assert "openclaw-gateway restart" in said


def test_where_most_do_not_answer_it_is_told_once_for_all(stage: Stage) -> None:
    emails = stage.add(*(f"c{number}" for number in range(9)))
    stage.says = dict.fromkeys(emails[:6], SILENT)
    stage.look()
    stage.clock.sleep(GATHER_SECONDS)

    (said,) = stage.send()

    assert said.startswith("6 customers: most servers do not answer\n")
    assert "own network" in said
    stage.says = {}
    stage.clock.sleep(600)
    stage.look()
    assert stage.alerts.open == []


def test_who_has_left_is_not_told_of_any_more(stage: Stage) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = SILENT
    stage.look()
    with stage.workspace.store().edit(ada) as record:
        record.set("status", "cancelled")

    stage.look()

    assert stage.alerts.open == []


def test_a_look_that_ends_early_is_gone_on_with(stage: Stage) -> None:
    emails = stage.add(*(f"c{number}" for number in range(40)))
    left = 3

    def going_on() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    stage.watch(going_on).look()
    seen = sorted(stage.visited)
    assert len(seen) == 3

    assert stage.look() == sorted(set(emails) - set(seen))


@pytest.mark.parametrize("place", ["before note the health", "after note the health"])
def test_killed_it_looks_again_and_tells_once(stage: Stage, place: str) -> None:
    (ada,) = stage.add("ada")
    stage.says[ada] = SILENT
    with killed_at(place):
        stage.look()

    assert stage.look() == [ada]

    stage.clock.sleep(GATHER_SECONDS)
    assert len(stage.send()) == 1
    events = [one.event for one in stage.customer(ada).timeline]
    assert events.count("health_changed") == 1


def test_what_cannot_be_written_is_raised_when_all_were_looked_at(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = stage.add("ada", "bob")
    stage.says = dict.fromkeys(both, SILENT)

    def refuse(*_: object) -> None:
        raise ProvisionerError("write", cause="the disk is full")

    monkeypatch.setattr(Sweep, "_noted", refuse)

    with pytest.raises(ProvisionerError, match="the disk is full"):
        stage.look()

    assert sorted(stage.visited) == both
