"""An upgrade of twelve customers, each with a server of their own, that fails on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.runs.fleet import Fleet, JobResult
from provisioner.runs.upgrading import to_go_back
from provisioner.runs.waves import Waved, run_in_waves
from provisioner.runs.workflow import upgrade_to
from provisioner.settings import Settings
from provisioner.workspace import Workspace, init_workspace
from tests.backups.assistants import Assistant
from tests.fixtures import sshd
from tests.fixtures.sshd import Sshd
from tests.steps.upgraders import NEW, OLD, Installation

NUMBER = 12


@dataclass
class Town:
    """Twelve customers; one sshd is all of their servers, each at an address of its own."""

    workspace: Workspace
    settings: Settings
    servers: list[Installation]

    @property
    def emails(self) -> list[str]:
        return [f"c{number}@example.com" for number in range(NUMBER)]

    def customer(self, number: int) -> Customer:
        return self.workspace.store().read(self.emails[number]).customer

    def upgrade(self, canary: int = 1) -> tuple[Waved, tuple[JobResult, ...]]:
        fleet = Fleet(self.workspace, self.settings, lambda _: None)
        customers = [self.customer(number) for number in range(NUMBER)]
        waved = run_in_waves(fleet, self.emails, upgrade_to(NEW), canary)
        back: list[JobResult] = []
        for old, canaries in to_go_back(waved, customers, NEW, canary).items():
            back += fleet.run_all(canaries, upgrade_to(old, older=True))
        return waved, tuple(back)

    def demand_untouched(self, numbers: range) -> None:
        for number in numbers:
            server = self.servers[number]
            assert (server.installed, server.starts, server.assistant.called) == (OLD, [], [])
            assert self.customer(number).backups == ()
            assert [one.event for one in self.customer(number).timeline] == ["subscription_created"]


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    workspace, _ = init_workspace(folder / "workspace")
    addresses = [f"127.0.0.{number + 1}" for number in range(NUMBER)]
    servers = [Installation(Assistant(folder / "servers" / address)) for address in addresses]
    login = f"set -- $SSH_CONNECTION; export HOME={folder}/servers/$3 PATH={folder}/servers/$3/bin:$PATH"
    with sshd.running(folder, first=login, address="0.0.0.0") as server:
        key = folder / "key"
        key.write_text(server.operator.private)
        chosen = Settings.model_validate({"ssh": {"key": key, "port": server.port}})
        made = Town(workspace, chosen, servers)
        for number, email in enumerate(made.emails):
            _add(workspace, server, email, number, addresses[number])
        yield made


def _add(workspace: Workspace, server: Sshd, email: str, number: int, address: str) -> None:
    record = new_record(SignUp(email, f"sub_{number}", name=f"C {number}"))
    record.update(
        {
            "status": "active",
            "setup.status": "complete",
            "setup.droplet.id": str(number),
            "setup.droplet.ip": address,
            "setup.droplet.hostKey": server.host_key.public,
            "setup.moltbot.installed": True,
            "setup.moltbot.version": OLD,
        }
    )
    workspace.store().add(record)


def test_a_version_that_fails_on_the_second_is_with_nobody_in_the_end(tmp_path: Path) -> None:
    with town(tmp_path) as here:
        here.servers[1].breaks(NEW, "start")

        waved, back = here.upgrade()

        assert [one.exit_code for one in waved.results] == [0, 1]
        assert waved.untouched == tuple(here.emails[2:])
        assert [(one.who, one.exit_code) for one in back] == [(here.emails[0], 0)]
        for number in range(2):
            here.servers[number].demand(OLD)
            assert here.customer(number).setup.moltbot.version == OLD
        # What the first customer has said to the new version is still known.
        assert here.servers[0].starts == [NEW, OLD]
        here.demand_untouched(range(2, NUMBER))


@pytest.mark.parametrize(("fault", "code", "starts"), [("state", 2, [NEW]), ("start", 1, [NEW, NEW])])
def test_a_canary_with_whose_state_the_old_version_does_not_work_keeps_the_new_one(
    tmp_path: Path, fault: str, code: int, starts: list[str]
) -> None:
    with town(tmp_path) as here:
        here.servers[0].breaks(OLD, fault)
        here.servers[1].breaks(NEW, "answer")

        _, back = here.upgrade()

        assert [one.exit_code for one in back] == [code]
        here.servers[0].demand(NEW)
        # One that says it cannot read the state is not even tried.
        assert here.servers[0].starts == starts
        here.servers[1].demand(OLD)
        here.demand_untouched(range(2, NUMBER))


def test_one_that_fails_later_sends_nobody_else_back(tmp_path: Path) -> None:
    with town(tmp_path) as here:
        here.servers[3].breaks(NEW, "start")

        waved, back = here.upgrade()

        assert [one.exit_code for one in waved.results] == [0, 0, 0, 1]
        assert back == ()
        for number in range(4):
            here.servers[number].demand(OLD if number == 3 else NEW)
        here.demand_untouched(range(4, NUMBER))


def test_a_server_that_cannot_be_reached_is_no_fault_of_the_version(tmp_path: Path) -> None:
    with town(tmp_path) as here:
        (here.servers[1].home / "no-network").touch()

        waved, back = here.upgrade()

        assert [one.exit_code for one in waved.results] == [0, 1]
        assert back == ()
        here.servers[0].demand(NEW)
        here.demand_untouched(range(2, NUMBER))
