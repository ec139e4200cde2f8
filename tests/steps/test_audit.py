"""The security audit after the first message: in the record and the timeline, and never in anybody's way."""

import json

import pytest

from provisioner.errors import RemoteError
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Done
from provisioner.steps.audit import AUDIT
from provisioner.steps.handoff import Handoff
from provisioner.steps.moltbot import Moltbot
from tests.steps.support import MemoryServer, MemoryWork, new_record

OPEN = "Groups are open to everybody"


class AuditedServer(MemoryServer):
    """A server whose audit says this; `audits` counts how often it was made."""

    said = json.dumps({"critical": [OPEN], "warnings": 2})
    audits = 0

    def run(self, command: str, *, timeout: float = 30) -> str:
        if AUDIT not in command:
            return super().run(command, timeout=timeout)
        assert timeout > 95, "the program on the server ends first"
        self.audits += 1
        return self.said


def nearly_done(**moltbot: object) -> MemoryWork:
    """A customer who has their first message, on a server that was set up."""
    setup = {
        "status": "in_progress",
        "droplet": {
            "id": "7",
            "ip": "192.0.2.7",
            "hostKey": "ssh-ed25519 K",
            "hostKeyRenewed": "2026-01-29T05:54:00Z",
        },
        "moltbot": {"installed": True, "version": "2026.9.6", "dropletId": "7", **moltbot},
        "messaging": {"platform": "telegram", "connected": True, "botUsername": "b_bot", "userId": "1"},
        "handoff": {"onboardingMessageSent": True, "answeredOn": "7"},
    }
    settings = Settings.model_validate({"anthropic_key": "sk-ant-api03-x"})
    server = AuditedServer(registered={"moltbot": {"version": "2026.9.6"}})
    return MemoryWork(settings, Services(settings), new_record(setup=setup), server=server)


def audits_of(work: MemoryWork) -> int:
    assert isinstance(work.server, AuditedServer)
    return work.server.audits


def test_what_it_finds_is_in_the_record_and_the_customer_is_active() -> None:
    work = nearly_done()

    assert Handoff().run(work) == Done()

    audit = work.customer.setup.moltbot.audit
    assert audit is not None
    assert (audit.made_on, audit.critical, audit.warnings) == ("7", (OPEN,), 2)
    assert work.events == ["security_audit", "onboarding_complete"]
    assert work.details[0] == f"The security audit found critical: {OPEN} (2 warnings)"
    assert work.customer.status == "active"


def test_it_is_made_once_on_a_server() -> None:
    work = nearly_done()

    def power_cut(what: str) -> None:
        if what == "onboarding_complete":
            raise KeyboardInterrupt

    work.before = power_cut
    with pytest.raises(KeyboardInterrupt):
        Handoff().run(work)
    work.before = lambda _: None
    Handoff().run(work)

    assert audits_of(work) == 1
    assert work.events == ["security_audit", "onboarding_complete"]


def test_another_server_is_audited_again() -> None:
    work = nearly_done(audit={"madeOn": "6", "critical": [], "warnings": 0})

    Handoff().run(work)

    assert audits_of(work) == 1


def test_what_is_set_up_anew_for_somebody_who_talks_already_is_audited_at_once() -> None:
    work = nearly_done()
    Handoff().run(work)
    work.write({"setup.moltbot.installed": False})

    Moltbot().run(work)

    assert audits_of(work) == 2
    assert work.customer.setup.moltbot.audit is not None


def test_before_the_first_message_nobody_waits_for_it() -> None:
    work = nearly_done(installed=False)
    work.write({"setup.handoff.onboardingMessageSent": False})

    Moltbot().run(work)

    assert audits_of(work) == 0


@pytest.mark.parametrize(
    "said",
    ["[]", "{}", '{"critical": 1, "warnings": 0}', '{"critical": [], "warnings": "x"}', "no JSON"],
)
def test_an_answer_that_is_none_is_an_error_and_can_be_repeated(said: str) -> None:
    work = nearly_done()
    assert isinstance(work.server, AuditedServer)
    work.server.said = said

    with pytest.raises(RemoteError, match="audit"):
        Handoff().run(work)

    assert work.customer.setup.moltbot.audit is None
    assert work.customer.status != "active"


def test_titles_are_short_plain_and_few() -> None:
    work = nearly_done()
    assert isinstance(work.server, AuditedServer)
    work.server.said = json.dumps({"critical": ["\x1b[2J" + "y" * 500] * 50, "warnings": 0})

    Handoff().run(work)

    audit = work.customer.setup.moltbot.audit
    assert audit is not None
    assert len(audit.critical) == 8
    assert {len(title) for title in audit.critical} == {120}
    assert all(title.isprintable() for title in audit.critical)


def test_a_server_of_an_older_version_is_brought_up_to_date_first() -> None:
    work = nearly_done()
    assert isinstance(work.server, AuditedServer)
    work.server.said = ""

    with pytest.raises(RemoteError, match="older version"):
        Handoff().run(work)

    assert not Moltbot().done(work.customer)
