"""The assistant answers one real turn before the customer is told that it is theirs."""

import json
from typing import Any

import pytest

from provisioner.errors import RemoteError
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.steps.answer import ANSWERS, demand_answer
from provisioner.steps.handoff import Handoff
from tests.steps.support import READY, MemoryServer, MemoryWork, new_record

REFUSED = "anthropic/claude-sonnet-5 request failed (authentication failed, HTTP 401)."


class AnsweringServer(MemoryServer):
    """A server that says this when its assistant is asked."""

    said = READY
    asked = 0

    def run(self, command: str, *, timeout: float = 30) -> str:
        if ANSWERS not in command:
            return super().run(command, timeout=timeout)
        assert timeout > 200
        self.asked += 1
        return self.said


def nearly_done(**handoff: Any) -> MemoryWork:
    """A customer to whom only the closing of their setup is left."""
    setup = {
        "status": "in_progress",
        "droplet": {"id": "7", "ip": "192.0.2.7"},
        "moltbot": {"installed": True, "version": "2026.9.6", "dropletId": "7"},
        "messaging": {"platform": "telegram", "connected": True, "botUsername": "b_bot", "userId": "1"},
        "handoff": {"onboardingMessageSent": True, **handoff},
    }
    settings = Settings()
    return MemoryWork(settings, Services(settings), new_record(setup=setup), server=AnsweringServer())


def refusing(reason: str) -> MemoryWork:
    work = nearly_done()
    assert isinstance(work.server, AnsweringServer)
    work.server.said = json.dumps({"answers": False, "reason": reason})
    return work


def test_it_is_asked_before_the_setup_is_closed_and_once_on_a_server() -> None:
    work = nearly_done()

    Handoff().run(work)
    demand_answer(work)

    assert work.customer.status == "active"
    assert work.customer.setup.handoff.answered_on == "7"
    assert isinstance(work.server, AnsweringServer)
    assert work.server.asked == 1


def test_another_server_is_asked_again() -> None:
    work = nearly_done(answeredOn="6")

    Handoff().run(work)

    assert isinstance(work.server, AnsweringServer)
    assert work.server.asked == 1
    assert work.customer.setup.handoff.answered_on == "7"


def test_a_refused_key_is_said_and_nobody_is_told_that_it_works() -> None:
    work = refusing(REFUSED)

    with pytest.raises(RemoteError) as caught:
        Handoff().run(work)

    error = caught.value
    assert error.exit_code == 1
    assert error.cause == REFUSED
    assert "ANTHROPIC_API_KEY" in (error.hint or "")
    assert not error.retry
    assert work.customer.status == "pending_setup"
    assert not work.customer.setup.handoff.completed
    assert work.customer.setup.handoff.answered_on is None
    # So that the next run puts the corrected key there.
    assert not work.customer.setup.moltbot.installed


@pytest.mark.parametrize("reason", ["there was no answer within 190 seconds", "model overloaded (HTTP 529)"])
def test_what_may_pass_may_be_tried_again(reason: str) -> None:
    with pytest.raises(RemoteError) as caught:
        Handoff().run(refusing(reason))

    assert caught.value.retry
    assert "journalctl" in (caught.value.hint or "")
    assert "run the same command again" in (caught.value.hint or "")


@pytest.mark.parametrize("said", ["", "READY", "[]", "7", '{"answers": "yes"}', "[" * 100_000])
def test_what_is_no_answer_is_none(said: str) -> None:
    work = nearly_done()
    assert isinstance(work.server, AnsweringServer)
    work.server.said = said

    with pytest.raises(RemoteError):
        Handoff().run(work)

    assert work.customer.status == "pending_setup"


@pytest.mark.parametrize("reason", ["", None, 5, ["no"]])
def test_a_refusal_without_words_says_that_there_were_none(reason: object) -> None:
    work = nearly_done()
    assert isinstance(work.server, AnsweringServer)
    work.server.said = json.dumps({"answers": False, "reason": reason})

    with pytest.raises(RemoteError) as refusal:
        Handoff().run(work)

    assert refusal.value.cause == "no reason was given"


def test_the_plan_says_that_it_will_be_asked() -> None:
    assert Handoff().plan(nearly_done())[0].needed
    assert not Handoff().plan(nearly_done(answeredOn="7"))[0].needed


def test_an_own_key_that_is_refused_is_not_the_shared_ones_fault() -> None:
    work = refusing("403 Key limit exceeded (monthly limit)")
    work.write({"setup.modelKey.hash": "0a"})

    with pytest.raises(RemoteError) as caught:
        Handoff().run(work)

    assert "provisioner model-key customer@example.com shows" in str(caught.value.hint)
    assert "ANTHROPIC" not in str(caught.value.hint)
