"""All parts together, with Telegram, phones and a mailbox around them; only the servers are made up."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from stripe import WebhookSignature

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.payments.receive import Receiver
from provisioner.settings import OperatorSettings, Settings
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps import mend
from provisioner.steps.handoff import Handoff
from provisioner.steps.messaging import Messaging
from provisioner.worker import servers
from provisioner.worker.due import WORKFLOWS
from provisioner.worker.process import Parts
from tests.health.test_judge import WANTED, WELL
from tests.messaging.conftest import ADA, MANAGER, Stage
from tests.payments.stripe_events import Document, Person
from tests.steps.support import workflow

SECRET = "whsec_parts"
WAIT_SECONDS = 120


class MadeUpServer(Step):
    """A server with the assistant on it, at once."""

    name = "droplet"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return customer.setup.moltbot.installed

    def plan(self, work: Work) -> list[Planned]:
        return []

    def run(self, work: Work) -> Outcome:
        there = {"setup.droplet.id": "7", "setup.droplet.ip": "192.0.2.7", "setup.moltbot.installed": True}
        work.record(
            "droplet_created", "made up", {"status": "in_progress", "setup.status": "in_progress", **there}
        )
        return Done()


@pytest.fixture
def parts(outside: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    monkeypatch.setitem(WORKFLOWS, "provision", workflow(MadeUpServer(), Messaging(), Handoff()))
    monkeypatch.setattr("provisioner.actor._program", None)
    owner = next(user for user in outside.world.users() if user.username == "stuffpress")
    operator = OperatorSettings(contact="help@example.com", alerts="ops@example.com", telegram=str(owner.id))
    outside.settings = outside.settings.model_copy(update={"operator": operator})
    outside.phones.press_start("stuffpress", MANAGER)
    parts = Parts(outside.workspace, outside.settings, lambda _: None)
    parts.start()
    yield parts
    parts.stop()


def receive(parts: Parts, *documents: Document) -> None:
    receiver = Receiver(parts.inbox, [SECRET], livemode=True)
    for one in documents:
        body = json.dumps(one)
        header = str(WebhookSignature.generate_signature_header(body, SECRET, int(time.time())))
        receiver.receive(body.encode(), header)
        parts.events.wake()


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def test_who_pays_talks_to_their_bot_and_no_command_was_typed(outside: Stage, parts: Parts) -> None:
    ada = Person("ada", ADA, telegram="@ada")

    receive(parts, *ada.subscribe())
    until(lambda: outside.subjects())
    outside.create("ada")
    until(lambda: outside.customer().setup.messaging.bot_id)
    bot = outside.customer().setup.messaging.bot_username
    assert bot is not None
    outside.phones.press_start("ada", bot)
    until(lambda: outside.customer().status == "active" and not outside.customer().requests)

    assert outside.customer().setup.status == "complete"
    assert outside.answers("ada", bot)
    assert outside.customer().retry is None
    assert parts.alerts.open == []


def test_a_refund_reaches_the_operator_once_each_way(outside: Stage, parts: Parts) -> None:
    ada = Person("ada", ADA, telegram="@ada")
    refund = list(ada.refund())
    receive(parts, *ada.subscribe(), *refund, *refund)

    def told() -> list[str]:
        return [text for text in outside.answers("stuffpress") if "was refunded" in text]

    until(lambda: told() and outside.subjects("ops@example.com"))
    parts.stop()

    assert told() == [f"{ADA}: was refunded: $20.00 of $89.99 went back (ch_ada_0)"]
    assert len(outside.subjects("ops@example.com")) == 1


def test_all_parts_are_well_while_nothing_is_wrong(parts: Parts) -> None:
    until(lambda: True)
    assert list(parts.problems()) == []


def test_a_server_with_which_something_is_wrong_is_mended_and_nobody_is_disturbed(
    outside: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.actor._program", None)
    stopped = replace(WELL, active=False, state="failed", live=False, ready=False)
    says = [stopped]
    monkeypatch.setattr(servers, "server_visitor", lambda *_: lambda _: says[-1])
    monkeypatch.setattr(mend, "_visit", lambda *_: says[-1])
    monkeypatch.setitem(mend._REMEDIES, "restart", lambda _: says.append(WELL))
    record = new_record(SignUp(ADA, "sub_1"))
    droplet = {"id": "7", "ip": "192.0.2.7", "hostKey": "ssh-ed25519 AAAA"}
    record.update({f"setup.droplet.{name}": value for name, value in droplet.items()})
    moltbot = {"installed": True, "version": WANTED}
    record.update({f"setup.moltbot.{name}": value for name, value in moltbot.items()})
    record.set("status", "active")
    outside.workspace.store().add(record)
    parts = Parts(outside.workspace, outside.settings, lambda _: None)
    parts.start()

    def events() -> list[tuple[str, str | None]]:
        return [(one.event, one.by) for one in outside.customer().timeline]

    until(lambda: "server_mended" in dict(events()))
    parts.stop()

    assert events()[-2:] == [("health_changed", "the worker"), ("server_mended", "the worker")]
    assert parts.alerts.open == []
