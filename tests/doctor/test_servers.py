"""Asking a server how it is, over SSH to a real sshd that runs a program of ours."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.record import Customer
from provisioner.doctor.findings import Findings, Trouble
from provisioner.doctor.servers import look_at_servers
from provisioner.errors import ProvisionerError, RemoteError
from provisioner.health.report import ServerReport
from provisioner.runs import visiting
from provisioner.runs.visiting import server_visitor
from provisioner.settings import Settings
from tests.doctor.hints import check_hint
from tests.fixtures import sshd
from tests.health.test_judge import WELL
from tests.health.test_report import GOOD
from tests.steps.support import new_record

TOKEN = "123456789:AAF-a-token-that-nobody-may-read-0123456"


@dataclass
class Machine:
    """A server whose report is what this program prints."""

    server: sshd.Sshd
    program: Path
    key: Path

    def says(self, shell: str) -> None:
        self.program.write_text(f"#!/bin/bash\n{shell}\n")
        self.program.chmod(0o755)

    @property
    def settings(self) -> Settings:
        ssh = {"key": self.key, "port": self.server.port}
        return Settings.model_validate({"ssh": ssh, "moltbot": {"version": "2026.9.6"}})

    def visit(self) -> ServerReport | None:
        return server_visitor(self.settings)(customer(self.server.host_key.public))


def customer(host_key: str, **setup: Any) -> Customer:
    droplet = {"id": "1", "ip": "127.0.0.1", "hostKey": host_key}
    moltbot = {"installed": True, "version": "2026.9.6"}
    return new_record(setup={"droplet": droplet, "moltbot": moltbot, **setup}).customer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.running(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def machine(server: sshd.Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    key = tmp_path / "id_ed25519"
    key.write_text(server.operator.private)
    made = Machine(server, tmp_path / "openclaw-report", key)
    monkeypatch.setattr(visiting, "PROGRAM", str(made.program))
    return made


def test_its_report_is_read(machine: Machine) -> None:
    machine.says(f"echo '{json.dumps(GOOD)}'")

    report = machine.visit()

    assert report is not None
    assert (report.running, report.failing) == ("2026.9.6", ("telegram",))


def test_a_server_without_the_program_has_none(machine: Machine) -> None:
    assert machine.visit() is None


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("echo broken >&2; exit 1", "broken"),
        ("echo '{}'", "not as it should be"),
        ("head -c 70000 /dev/zero", "longer than 65536 bytes"),
        ("sleep 100", "it lasted over 1 s"),
    ],
)
def test_what_is_no_report_is_said(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, shell: str, words: str
) -> None:
    monkeypatch.setattr(visiting, "REPORT_SECONDS", 1)
    machine.says(shell)

    with pytest.raises(RemoteError, match=words):
        machine.visit()


def test_a_server_that_does_not_answer_is_asked_once_more(machine: Machine, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    good = f"echo '{json.dumps(GOOD)}'"
    machine.says(f"echo x >> {asked}; (($(wc -l < {asked}) > 1)) || kill -KILL $(ps -o ppid= $PPID); {good}")

    assert machine.visit() is not None
    assert asked.read_text() == "x\nx\n"


def test_what_asking_again_does_not_help_is_asked_once(machine: Machine, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    machine.says(f"echo x >> {asked}; exit 1")

    with pytest.raises(RemoteError):
        machine.visit()

    assert asked.read_text() == "x\n"


def found_at(visit: Any, who: Customer | None = None) -> list[Trouble]:
    found = Findings()
    settings = Settings.model_validate(
        {"moltbot": {"version": "2026.10.1"}, "anthropic_key": "sk-secret-key"}
    )
    look_at_servers([who or customer("ssh-ed25519 AAAA")], visit, settings, found)
    return found.noted


def test_a_server_that_does_not_answer_is_a_trouble_and_is_behind_by_its_record() -> None:
    def visit(_: Customer) -> ServerReport:
        raise RemoteError("connect", whom="192.0.2.1", cause="no answer")

    silent, late = found_at(visit)

    assert (silent.kind, silent.problem) == ("server", "it does not answer: no answer")
    assert "console" in silent.hint
    assert (late.severity, "Moltbot 2026.9.6" in late.problem) == ("advice", True)


def test_an_error_about_one_server_leaves_the_others_looked_at() -> None:
    def visit(who: Customer) -> ServerReport | None:
        if who.email == "customer@example.com":
            raise ProvisionerError("read", cause="strange")
        return None

    moltbot = {"installed": True, "version": "1"}
    other = new_record(email="b@example.com", setup={"droplet": {"id": "2"}, "moltbot": moltbot}).customer
    found = Findings()
    look_at_servers([customer("ssh-ed25519 AAAA"), other], visit, Settings(), found)

    assert [one.whom for one in found.noted if one.severity == "problem"] == [
        "customer@example.com",
        "b@example.com",
    ]
    for one in found.noted:
        check_hint(one.hint)


def test_no_secret_in_a_servers_words_is_shown() -> None:
    messaging = {"connected": True, "botToken": TOKEN, "link": {"code": "c0de-of-the-link"}}
    words = f"{TOKEN} c0de-of-the-link sk-secret-key"

    def visit(_: Customer) -> ServerReport:
        raise RemoteError("connect", cause=words)

    (trouble, _) = found_at(visit, customer("ssh-ed25519 AAAA", messaging=messaging))

    assert trouble.problem == "it does not answer: [hidden] [hidden] [hidden]"


def test_who_left_or_has_no_assistant_yet_is_not_asked() -> None:
    def visit(_: Customer) -> ServerReport:
        raise AssertionError

    gone = customer("ssh-ed25519 AAAA").model_copy(update={"status": "cancelled"})
    new = new_record().customer
    found = Findings()
    look_at_servers([gone, new], visit, Settings(), found)

    assert (found.noted, found.looked) == ([], [])


def test_a_server_that_is_well_is_no_finding() -> None:
    assert WELL.running
    found = Findings()
    look_at_servers([customer("ssh-ed25519 AAAA")], lambda _: WELL, Settings(), found)

    assert (found.noted, found.looked) == ([], ["servers"])


def test_whoever_waits_is_told_how_many_have_answered() -> None:
    said: list[str] = []

    look_at_servers([customer("ssh-ed25519 AAAA")] * 3, lambda _: WELL, Settings(), Findings(), said.append)

    assert said == ["visiting 3 servers", *(f"visited {number} of 3 servers" for number in (1, 2, 3))]
