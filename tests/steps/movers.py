"""A customer who moves: two servers behind real sshds, of which one assistant at most may be at work."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from provisioner.backups.scripts import as_user
from provisioner.customers.record import Customer
from provisioner.runs.moving import MoveWish, ask_to_move, ask_to_stay_there
from provisioner.runs.workflow import MOVE
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.handoff import Handoff
from provisioner.steps.messaging import Messaging
from provisioner.steps.moltbot import Moltbot
from provisioner.timestamps import now
from tests.backups.assistants import EMAIL, Assistant
from tests.clouds import FastCloud
from tests.fixtures import sshd
from tests.steps.leavers import Leaver, leaver

REGION = "fra1"
_SECOND_ADDRESS = "127.77.0.3"
"""What a pretended cloud gives its second droplet."""


class _Fake(Step):
    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def plan(self, work: Work) -> list[Planned]:
        return []


class FakeMoltbot(_Fake):
    """Starts the gateway on the server that the record has."""

    name = "moltbot"

    def done(self, customer: Customer) -> bool:
        return Moltbot().done(customer)

    def run(self, work: Work) -> Outcome:
        work.server.run(as_user("systemctl --user enable --now openclaw-gateway.service"))
        work.write(
            {
                "setup.moltbot.installed": True,
                "setup.moltbot.version": "2026.9.6",
                "setup.moltbot.dropletId": work.customer.setup.droplet.id,
            }
        )
        return Done()


class FakeMessaging(_Fake):
    name = "messaging"

    def done(self, customer: Customer) -> bool:
        return Messaging().done(customer)

    def run(self, work: Work) -> Outcome:
        there = work.customer.setup.droplet.id
        work.write({"setup.messaging.connected": True, "setup.messaging.dropletId": there})
        return Done()


class FakeHandoff(_Fake):
    name = "handoff"

    def done(self, customer: Customer) -> bool:
        return Handoff().done(customer)

    def run(self, work: Work) -> Outcome:
        there = work.customer.setup.droplet.id
        work.write(
            {
                "setup.handoff.completed": True,
                "setup.handoff.dropletId": there,
                "setup.handoff.answeredOn": there,
                "setup.status": "complete",
            }
        )
        return Done()


_FAKES: dict[type[Step], Step] = {
    Moltbot: FakeMoltbot(),
    Messaging: FakeMessaging(),
    Handoff: FakeHandoff(),
}
MOVING = replace(MOVE, steps=tuple(_FAKES.get(type(step), step) for step in MOVE.steps))
"""What a setup does needs a real server: tests/e2e has it."""


@dataclass
class Mover:
    """Ada, who talks to an assistant on the `old` server, and is to do so on the new one."""

    leaver: Leaver
    new: Assistant
    old_id: str

    @property
    def old(self) -> Assistant:
        return self.leaver.site.assistant

    @property
    def customer(self) -> Customer:
        return self.leaver.customer

    @property
    def events(self) -> list[str]:
        return self.leaver.site.events

    @property
    def at_work(self) -> list[str]:
        """On which servers a gateway runs."""
        return [name for name in ("old", "new") if getattr(self, name).gateway == "started"]

    def ask(self, region: str = REGION, grace_days: int = 14) -> None:
        site, client = self.leaver.site, self.leaver.cloud.client()
        wish = MoveWish(region, grace_days)
        ask_to_move(site.workspace.store(), client, site.settings, EMAIL, wish)

    def stay(self) -> None:
        ask_to_stay_there(self.leaver.site.workspace.store(), EMAIL)

    def run(self) -> Outcome:
        return self.leaver.site.run(MOVING).outcome


@contextmanager
def mover(folder: Path, cloud: FastCloud) -> Iterator[Mover]:
    """A customer whose setup is complete, and an empty server where the next droplet will be."""
    with leaver(folder, cloud) as found:
        site = found.site
        new = Assistant(folder / "new")
        shutil.rmtree(new.state)
        new.unit.unlink()
        (new.home / "gateway").write_text("stopped\n")
        droplet = site.customer.setup.droplet.id
        assert droplet is not None
        site.set(
            setup__droplet__region="sfo3",
            setup__droplet__size="s-1vcpu-2gb",
            setup__moltbot__version="2026.9.6",
            setup__messaging__connected=True,
            setup__messaging__connectedOver="telegram",
            setup__messaging__userId="1",
            setup__handoff__completed=True,
            setup__handoff__answeredOn=droplet,
        )
        place = folder / "second"
        place.mkdir()
        with sshd.running(
            place,
            port=site.server.port,
            operator=site.server.operator,
            first=new.login,
            address=_SECOND_ADDRESS,
        ) as server:
            Prepared.host_key = server.host_key.public
            yield Mover(found, new, droplet)


class Prepared:
    """Stands in for the playbooks on the new server."""

    host_key = ""

    @staticmethod
    def prepare(work: Work) -> None:
        fields = {"hostKey": Prepared.host_key, "hostKeyRenewed": now()}
        work.write({f"setup.move.droplet.{name}": value for name, value in fields.items()})
