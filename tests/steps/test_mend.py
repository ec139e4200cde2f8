"""Mending, over a real SSH connection and against the sandbox's cloud: what is done, once, and said."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.parts.upkeep import Health, MendAttempt
from provisioner.runs.workflow import MEND
from provisioner.step import Done, Failed
from provisioner.timestamps import now
from tests.clouds import CloudServer, FastCloud
from tests.dying import killed_at
from tests.health.test_report import GOOD
from tests.steps.leavers import Leaver, leaver

WELL: dict[str, Any] = {
    **GOOD,
    "gateway": {"live": True, "ready": True, "failing": [], "version": "2026.9.6"},
    "installed": "2026.9.6",
    "channels": {"telegram": {"connected": True, "state": "ready", "error": None}},
    "reboot_required": False,
    "clock": None,
}
SILENT = {"live": False, "ready": False, "failing": [], "version": None}
STOPPED: dict[str, Any] = {
    **WELL,
    "service": {**GOOD["service"], "active": False, "state": "failed"},
    "gateway": SILENT,
    "channels": None,
}
FULL: dict[str, Any] = {**WELL, "disk": {"total_mb": 50000, "free_mb": 3}}
USED_UP: dict[str, Any] = {**WELL, "memory": {"total_mb": 2000, "available_mb": 9}, "swap": None}
LATE: dict[str, Any] = {**WELL, "clock": 1769666040}

_PROGRAM = """#!/bin/bash
echo "{name} $*" >> "$HOME/called"
[[ "{name} $1" != @(openclaw-gateway wait|journalctl *) ]] || exit 0
[[ -e $HOME/hopeless ]] || cp "$HOME/{well}" "$HOME/report"
"""
_HARMLESS = """#!/bin/bash
echo "{name} $*" >> "$HOME/called"
echo 7
"""


@dataclass
class Patient:
    """Ada's server, which is as a test says, and well after what mends it."""

    ada: Leaver
    home: Path

    def __post_init__(self) -> None:
        self._put("openclaw-report", '#!/bin/bash\ncat "$HOME/report"\n')
        for name in ("openclaw-gateway", "apt-get", "timedatectl", "journalctl"):
            self._put(name, _PROGRAM.format(name=name, well="well"))
        # Nothing of this machine's own is removed.
        for name in ("find", "df"):
            self._put(name, _HARMLESS.format(name=name))
        (self.home / "well").write_text(json.dumps(WELL))
        self.shows(WELL)

    def _put(self, name: str, text: str) -> None:
        path = self.home / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def shows(self, report: dict[str, Any]) -> None:
        (self.home / "report").write_text(json.dumps(report))

    def is_hopeless(self) -> None:
        """From here on nothing helps."""
        (self.home / "hopeless").touch()

    def ask(self, *about: str) -> None:
        mending = {"requestedAt": "2026-02-01T00:00:00Z", "by": "bob", "about": list(about)}
        self.ada.site.set(health__problems=sorted(about), health__mending=mending)

    def mend(self) -> object:
        return self.ada.run(MEND).outcome

    @property
    def health(self) -> Health:
        health = self.ada.customer.health
        assert health is not None
        return health

    @property
    def attempts(self) -> list[tuple[str, str, bool]]:
        """About what, by which remedy, and whether it has ended."""
        return [(one.about, one.remedy, one.ended_at is not None) for one in self.health.attempts]

    def called(self, program: str) -> int:
        return sum(one.startswith(program) for one in self.ada.site.assistant.called)

    @property
    def details(self) -> list[str]:
        """What the events of mending say."""
        events = ("server_mended", "mending_failed")
        return [str(one.details) for one in self.ada.customer.timeline if one.event in events]

    def is_off(self) -> None:
        """Its droplet is off: nothing answers until it is on again."""
        [droplet] = self.ada.cloud.droplets
        # Where the record has it.
        droplet.address = "127.0.0.1"
        droplet.status = "off"
        self.ada.cloud.machines.running[droplet.id] = False
        self.ada.site.server.process.send_signal(signal.SIGSTOP)

    def answers(self) -> None:
        self.ada.site.server.process.send_signal(signal.SIGCONT)


@pytest.fixture(autouse=True)
def report_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report program is where the test puts it, and what does not help is not looked at for long."""
    monkeypatch.setattr("provisioner.steps.mend.PROGRAM", "openclaw-report")
    monkeypatch.setattr("provisioner.steps.mend._WELL_SECONDS", 10.0)


@pytest.fixture
def patient(cloud: FastCloud, tmp_path: Path) -> Iterator[Patient]:
    with leaver(tmp_path, cloud) as ada:
        yield Patient(ada, ada.site.assistant.home)


@pytest.mark.parametrize(
    ("report", "about", "remedy", "program", "did"),
    [
        (STOPPED, "gateway", "restart", "openclaw-gateway restart", "started the gateway again"),
        (USED_UP, "memory", "restart", "openclaw-gateway restart", "started the gateway again"),
        (FULL, "disk", "disk", "apt-get clean", "freed the disk of caches and old logs"),
        (LATE, "clock", "clock", "timedatectl set-ntp true", "had the clock set"),
    ],
)
def test_what_is_wrong_is_mended_and_said(
    patient: Patient, report: dict[str, Any], about: str, remedy: str, program: str, did: str
) -> None:
    patient.shows(report)
    patient.ask(about)

    assert patient.mend() == Done()

    assert patient.called(program) == 1
    assert patient.attempts == [(about, remedy, True)]
    assert (patient.health.problems, patient.health.mending) == ((), None)
    [said] = patient.details
    assert f": {did}, and it is well again" in said
    assert patient.ada.customer.timeline[-1].by
    before = patient.ada.site.workspace.store().read(patient.ada.customer.id).data
    assert patient.mend() == Done()
    assert patient.ada.site.workspace.store().read(patient.ada.customer.id).data == before


def test_what_is_well_already_is_left_alone(patient: Patient) -> None:
    patient.ask("gateway")

    assert patient.mend() == Done()

    assert patient.called("openclaw-gateway restart") == 0
    assert (patient.health.problems, patient.health.mending, patient.attempts) == ((), None, [])
    assert patient.ada.customer.timeline[-1].details == "well again: gateway"


def test_what_does_not_help_is_tried_once_in_so_many_hours(patient: Patient) -> None:
    patient.shows(STOPPED)
    patient.is_hopeless()
    for _ in range(3):
        patient.ask("gateway")
        assert patient.mend() == Done()
        assert patient.health.problems == ("gateway",)

    assert patient.called("openclaw-gateway restart") == 1
    [said] = patient.details
    assert "and it is not: the gateway is stopped (failed)" in said
    patient.ada.cloud.clock.sleep(6.1 * 3600)
    patient.ask("gateway")
    patient.mend()

    assert patient.called("openclaw-gateway restart") == 2
    assert patient.attempts == [("gateway", "restart", True)]


def test_several_are_mended_in_their_order_and_each_remedy_is_used_once(patient: Patient) -> None:
    patient.shows({**STOPPED, "memory": USED_UP["memory"], "swap": None, "disk": FULL["disk"]})
    # A full disk alone is what the first remedy mends.
    (patient.home / "bin" / "apt-get").write_text(_HARMLESS.format(name="apt-get"))
    patient.ask("disk", "gateway", "memory")

    assert patient.mend() == Done()

    called = [one for one in patient.ada.site.assistant.called if "wait" not in one and "find" not in one]
    places = [
        next(number for number, one in enumerate(called) if one.startswith(program))
        for program in ("apt-get clean", "openclaw-gateway restart")
    ]
    assert places == sorted(places)
    assert patient.called("openclaw-gateway restart") == 1
    assert sorted(patient.attempts) == [
        ("disk", "disk", True),
        ("gateway", "restart", True),
        ("memory", "restart", True),
    ]


def test_a_remedy_that_cannot_be_carried_out_is_said_and_is_no_failure_of_the_run(patient: Patient) -> None:
    patient.shows(STOPPED)
    (patient.home / "bin" / "openclaw-gateway").write_text("#!/bin/bash\necho no bus >&2; exit 1\n")
    patient.ask("gateway")

    assert patient.mend() == Done()

    [said] = patient.details
    assert "tried it (restart): could not run openclaw-gateway" in said
    assert "no bus" in said
    assert patient.attempts == [("gateway", "restart", True)]


def test_a_paused_assistant_is_not_started(patient: Patient) -> None:
    patient.ada.pause()
    patient.ada.site.set(setup__pause__pausedAt="2026-02-01T00:00:00Z")
    patient.shows({**STOPPED, "memory": USED_UP["memory"], "swap": None, "disk": FULL["disk"]})
    patient.ask("disk", "memory")

    assert patient.mend() == Done()

    assert patient.called("openclaw-gateway restart") == 0
    assert patient.called("apt-get clean") == 1


def test_a_droplet_that_is_off_is_started(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.is_off()
    patient.ask("server")
    power_on = patient.ada.cloud.machines.power_on

    def start(machine: int) -> None:
        power_on(machine)
        patient.answers()

    monkeypatch.setattr(patient.ada.cloud.machines, "power_on", start)
    assert patient.mend() == Done()

    [droplet] = patient.ada.cloud.droplets
    assert droplet.status == "active"
    assert patient.attempts == [("server", "start", True)]
    [said] = patient.details
    assert "is off: started the droplet, and it is well again" in said
    patient.ada.demand_untouched()


def test_a_gateway_that_has_not_answered_yet_is_not_called_well(patient: Patient) -> None:
    patient.shows(STOPPED)
    since = {**STOPPED["service"], "active": True, "state": "active", "since": now()}
    (patient.home / "well").write_text(json.dumps({**STOPPED, "service": since}))
    (patient.home / "later").write_text(json.dumps(WELL))
    program = patient.home / "bin" / "openclaw-report"
    program.write_text(
        '#!/bin/bash\ncat "$HOME/report"\necho "looked" >> "$HOME/called"\n'
        '[[ $(grep -c looked "$HOME/called") != 3 ]] || cp "$HOME/later" "$HOME/report"\n'
    )
    patient.ask("gateway")

    assert patient.mend() == Done()

    assert patient.called("looked") == 4
    assert "and it is well again" in patient.details[0]


def test_who_is_leaving_is_not_started(patient: Patient) -> None:
    patient.ada.period_ends_in(20)
    patient.ada.ask("period end")
    patient.is_off()
    patient.ask("server")

    assert patient.mend() == Done()

    [droplet] = patient.ada.cloud.droplets
    assert droplet.status == "off"
    assert (patient.health.problems, patient.health.mending) == (("server",), None)


def test_killed_anywhere_it_ends_the_same(clouds: CloudServer, tmp_path: Path) -> None:
    """Each kill on another day of the same server, on which gateway and disk are wrong."""
    with clouds.cloud() as cloud, leaver(tmp_path, cloud) as ada:
        patient = Patient(ada, ada.site.assistant.home)
        days = 0
        for at in count(0, 3):
            days += 1
            cloud.clock.sleep(86_400)
            patient.shows({**STOPPED, "disk": FULL["disk"]})
            patient.ask("disk", "gateway")
            with killed_at(at) as places:
                patient.mend()
            assert patient.mend() == Done()

            assert (patient.health.problems, patient.health.mending) == ((), None)
            assert all(has_ended for _, _, has_ended in patient.attempts)
            ada.demand_untouched()
            if at >= len(places):
                break
        assert at > 10
        # One event for each day, whatever was lost.
        ends = [
            one for one in ada.site.events if one in ("server_mended", "mending_failed", "health_changed")
        ]
        assert len(ends) == days


def test_a_begun_attempt_is_gone_on_with(patient: Patient) -> None:
    patient.shows(STOPPED)
    patient.ask("gateway")
    with killed_at("before the remedy restart"):
        patient.mend()
    assert patient.called("openclaw-gateway restart") == 0
    assert patient.health.attempts == (
        MendAttempt.model_validate(
            {"about": "gateway", "remedy": "restart", "begunAt": patient.health.attempts[0].begun_at}
        ),
    )

    assert patient.mend() == Done()

    assert patient.called("openclaw-gateway restart") == 1


def test_for_whom_nothing_is_asked_nothing_is_done(patient: Patient) -> None:
    patient.shows(STOPPED)
    outcome = patient.mend()

    assert not isinstance(outcome, Failed)
    assert patient.called("openclaw-gateway") == 0
