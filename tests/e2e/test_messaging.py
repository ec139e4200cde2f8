"""A customer who only opens the e-mail and taps: the real Moltbot on a real droplet answers their "hello"."""

import json

import pytest

from provisioner.sandbox.control.client import BotAccount, Sandbox
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1200)]

EMAIL, PHONE = "lin@example.com", "lin"


class Customer:
    """Somebody with a phone and a mailbox; every tap is counted."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.taps = 0
        sandbox.add_phone(PHONE, "Lin")

    def open_mail(self, subject: str, *, link: str) -> None:
        """Tap the first link with these characters in the e-mail about `subject`."""
        mail = self._sandbox.wait_for_mail(EMAIL, subject, timeout=120)
        assert mail is not None, [one.subject for one in self._sandbox.mailbox()]
        self._sandbox.open_link(PHONE, next(one for one in mail.links if link in one))
        self.taps += 1

    def confirm(self) -> BotAccount:
        """Tap the Create or Start that the phone shows."""
        self.taps += 1
        return self._sandbox.confirm(PHONE)


def test_from_the_e_mail_to_an_answered_hello_in_four_taps_and_one_command(
    operator: Operator, sandbox: Sandbox
) -> None:
    # What the event of a payment does.
    operator.done("add", EMAIL, "sub_test", "--name", "Lin Clark")
    customer = Customer(sandbox)

    commands = 1
    with operator.start("provision", EMAIL, "--wait", "15m") as running:
        customer.open_mail("two taps are yours", link="/newbot/")
        bot = customer.confirm()
        running.wait_for("to press Start at", timeout=900)
        customer.open_mail("ready", link=bot.username)
        assert customer.confirm().username == bot.username
        assert running.end(600) == 0, running.said
    said = sandbox.say(PHONE, bot.username, "hello")
    answer = sandbox.wait_for_reply(
        PHONE, bot.username, after=said.id, containing="You wrote: “hello", timeout=120
    )

    assert answer is not None, sandbox.chat(PHONE, bot.username)
    assert (commands, customer.taps) == (1, 4)
    _check(operator, sandbox, bot)


def _check(operator: Operator, sandbox: Sandbox, bot: BotAccount) -> None:
    record = operator.record(EMAIL)
    messaging = record["setup"]["messaging"]
    (lin,) = [phone for phone in sandbox.phones() if phone.username == PHONE]
    assert (record["status"], record["setup"]["status"]) == ("active", "complete")
    assert (messaging["userId"], messaging["botUsername"]) == (str(lin.id), bot.username)
    assert messaging["username"] == f"@{PHONE}"
    events = [event["event"] for event in record["timeline"]]
    # The customer's part began before the server was there.
    assert events.index("contact_sent") < events.index("droplet_created")
    for once in ("bot_created", "telegram_connected", "ready_sent", "onboarding_complete"):
        assert events.count(once) == 1, events
    assert messaging["botToken"] not in json.dumps(record["timeline"])
    texts = [message.text for message in sandbox.chat(PHONE, bot.username) if message.sender == "bot"]
    # One greeting, and it is ours: the gateway takes a chat's messages in their order, and has said nothing
    # to her Start when it answers her hello.
    greeting, answer = texts
    assert "/status" in greeting
    assert "StuffPress looks after" in greeting
    assert "You wrote: “hello" in answer
