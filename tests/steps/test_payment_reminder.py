"""Reminders of a payment: one for each day of the policy, and none after it was paid."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from provisioner.customers.leaving import at
from provisioner.errors import MailError
from provisioner.runs.workflow import REMIND
from provisioner.services.mail import Email, MailUncertain
from provisioner.step import Done, Failed
from provisioner.timestamps import written
from provisioner.worker.due import due
from tests.clouds import CloudServer, FastCloud
from tests.dying import killed_at
from tests.steps.leavers import Leaver, leaver

SUBJECT = "Your payment did not go through"
PORTAL = "https://billing.stripe.com/p/login/test_abc"


def stop_paying(ada: Leaver) -> None:
    paid, failed = (
        {
            "at": written(at(ada.cloud.clock.time())),
            "kind": "updated",
            "subscription": "sub_1",
            "status": status,
        }
        for status in ("active", "past_due")
    )
    before = ada.site.workspace.store().read(ada.customer.id).get("subscription.changes") or []
    ada.site.set(subscription__status="past_due", subscription__changes=[*before, paid, failed])
    billing = ada.site.settings.billing.model_copy(update={"portal": PORTAL})
    ada.site.settings = ada.site.settings.model_copy(
        update={"billing": billing, "smtp_url": SecretStr("smtp://127.0.0.1:25")}
    )


@pytest.fixture
def ada(cloud: FastCloud, tmp_path: Path) -> Iterator[Leaver]:
    with leaver(tmp_path, cloud) as found:
        stop_paying(found)
        yield found


def is_due(ada: Leaver) -> bool:
    jobs = due(ada.customer, ada.site.settings, at(ada.cloud.clock.time()))
    return any(one.workflow == REMIND.name for one in jobs)


def test_on_each_day_of_the_policy_once(ada: Leaver) -> None:
    sent = []
    for _ in range(9):
        sent.append(is_due(ada))
        for _ in range(2):
            assert ada.run(REMIND).outcome == Done()
        assert not is_due(ada)
        ada.pass_days(1)

    assert [day for day, was_due in enumerate(sent) if was_due] == [1, 3, 7]
    assert ada.mailbox.subjects == [SUBJECT] * 3
    assert f"Pay, or change your card: {PORTAL}" in ada.mailbox.got[0][1].text
    assert ada.site.events.count("payment_reminder_sent") == 3


def test_not_after_it_was_paid(ada: Leaver) -> None:
    ada.pass_days(1)
    ada.site.set(subscription__status="active")

    assert not is_due(ada)
    assert ada.run(REMIND).outcome == Done()
    assert ada.mailbox.got == []


def test_days_that_were_missed_are_not_made_up_for_all_at_once(ada: Leaver) -> None:
    ada.pass_days(30)
    ada.run(REMIND)
    ada.run(REMIND)

    assert ada.mailbox.subjects == [SUBJECT]


def test_killed_anywhere_nobody_is_reminded_twice(clouds: CloudServer, tmp_path: Path) -> None:
    with clouds.cloud() as cloud, leaver(tmp_path, cloud) as ada:
        for at_place in count():
            stop_paying(ada)
            ada.pass_days(1)
            before = len(ada.mailbox.got)
            with killed_at(at_place) as places:
                ada.run(REMIND)
            ada.run(REMIND)
            assert len(ada.mailbox.got) - before <= 1
            assert not is_due(ada)
            ada.pass_days(1)
            if at_place >= len(places):
                break
        assert at_place > 5
        assert len(ada.mailbox.got) > at_place - 3


@pytest.mark.parametrize(("problem", "again"), [(MailError, True), (MailUncertain, False)])
def test_what_was_certainly_not_sent_is_tried_again(
    ada: Leaver, problem: type[MailError], again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.pass_days(1)

    def fail(_to: str, _email: Email) -> None:
        raise problem("send an e-mail", cause="no", retry=True)

    with monkeypatch.context() as patch:
        patch.setattr(ada.mailbox, "send", fail)
        outcome = ada.run(REMIND).outcome

    assert isinstance(outcome, Failed) is again
    assert is_due(ada) is again
    assert ada.run(REMIND).outcome == Done()
    assert ada.mailbox.subjects == [SUBJECT] * again


def test_who_is_paused_is_not_asked_again(ada: Leaver) -> None:
    ada.pass_days(1)
    ada.pause(until_paid=True)

    assert not is_due(ada)
