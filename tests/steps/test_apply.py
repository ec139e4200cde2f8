"""The step apply: playbooks and settings of today on a server that works already."""

import json
from contextlib import suppress
from itertools import count

import pytest
from pydantic import SecretStr

from provisioner.errors import InputError, RemoteError
from provisioner.services.factory import Services
from provisioner.settings import OperatorSettings, Settings
from provisioner.step import Done
from provisioner.steps.answer import ANSWERS
from provisioner.steps.moltbot import Apply, Moltbot
from tests.dying import Killed
from tests.steps.support import READY, MemoryServer, MemoryWork, new_record

FIRST, SECOND = SecretStr("sk-ant-api03-first"), SecretStr("sk-ant-api03-second")


class AskedServer(MemoryServer):
    """A server whose assistant says this when it is asked; `asked` counts how often."""

    said = READY
    asked = 0

    def run(self, command: str, *, timeout: float = 30) -> str:
        if ANSWERS in command:
            self.at("ask")
            self.asked += 1
            return self.said
        return super().run(command, timeout=timeout)


def working(**changes: object) -> tuple[MemoryWork, AskedServer]:
    """A customer who has had an assistant since these settings were others."""
    before = Settings(anthropic_key=FIRST)
    server = AskedServer(registered={"moltbot": {"version": "2026.9.6"}})
    droplet = {
        "id": "7",
        "ip": "192.0.2.7",
        "hostKey": "ssh-ed25519 K",
        "hostKeyRenewed": "2026-01-29T05:54:00Z",
    }
    messaging = {"platform": "telegram", "connected": True, "botUsername": "b_bot", "userId": "1"}
    handoff = {"completed": True, "onboardingMessageSent": True, "answeredOn": "7"}
    setup = {"status": "complete", "droplet": droplet, "messaging": messaging, "handoff": handoff}
    work = MemoryWork(before, Services(before), new_record(status="active", setup=setup), server=server)
    Moltbot().run(work)
    now = before.model_copy(update=changes)
    work.settings, work.services = now, Services(now)
    server.applied.clear()
    return work, server


def test_a_changed_text_is_brought_without_asking_the_model() -> None:
    work, server = working(operator=OperatorSettings(name="Grace"))

    assert Apply().run(work) == Done()

    assert [name for name, _ in server.applied] == ["server", "openclaw", "moltbot"]
    assert dict(server.applied)["moltbot"]["operator_name"] == "Grace"
    assert server.asked == 0
    assert work.events[-2:] == ["server_updated", "security_audit"]
    assert "changed: moltbot (playbook or settings)" in work.details[-2]


def test_another_key_is_taken_for_done_only_when_it_answers() -> None:
    work, server = working(anthropic_key=SECOND)
    had = work.customer.setup.moltbot.applied
    server.said = json.dumps({"answers": False, "reason": "authentication failed, HTTP 401"})

    with pytest.raises(RemoteError, match="HTTP 401") as caught:
        Apply().run(work)

    assert "provisioner apply customer@example.com" in str(caught.value.hint)
    assert work.customer.setup.moltbot.applied == had
    # It is a working customer's: nothing of their setup is to be done again.
    assert work.customer.setup.moltbot.installed

    server.said = READY
    assert Apply().run(work) == Done()
    assert work.customer.setup.moltbot.applied != had
    assert server.asked == 2


def test_killed_anywhere_another_key_ends_the_same() -> None:
    """What is not proven is not in the record, so that the next run does it again."""
    for at in count():
        work, server = working(anthropic_key=SECOND)
        had, places = work.customer.setup.moltbot.applied, list[str]()

        def die(place: str, at: int = at, places: list[str] = places) -> None:
            places.append(place)
            if len(places) - 1 == at:
                raise Killed(place)

        server.at = work.before = work.after = die
        with suppress(Killed):
            Apply().run(work)
        server.at = work.before = work.after = lambda _: None
        if len(places) <= at:
            break
        if "server_updated" not in work.events:
            assert work.customer.setup.moltbot.applied == had, places[-1]

        assert Apply().run(work) == Done()

        assert work.customer.setup.moltbot.applied != had
        assert server.asked
        assert work.events[-2:] == ["server_updated", "security_audit"]
    assert at > 8


def test_the_version_that_the_gateway_says_is_in_the_record() -> None:
    work, server = working()
    server.registered = {"moltbot": {"version": "2026.9.7"}}

    Apply().run(work)

    assert work.customer.setup.moltbot.version == "2026.9.7"
    assert "(nothing differed)" in work.details[-2]


def test_where_nothing_is_installed_the_setup_comes_first() -> None:
    work, server = working()
    work.write({"setup.moltbot.installed": False})

    with pytest.raises(InputError, match="nothing is installed") as caught:
        Apply().run(work)

    assert caught.value.hint == "provisioner provision customer@example.com"
    assert server.applied == []
