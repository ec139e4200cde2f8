"""Somebody pays, and nobody types a command: a while later the real Moltbot answers their "hello"."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.sandbox.control.client import BotAccount, Sandbox
from tests.e2e.operator import Operator, Running

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1200)]

EMAIL, PHONE = "lin@example.com", "lin"


@pytest.fixture
def operator(sandbox: Sandbox, image: str, tmp_path: Path) -> Operator:
    """In live mode: all that happens at Stripe is this customer's."""
    keys = sandbox.live_stripe.keys
    operator = Operator(
        tmp_path / "workspace", sandbox, STRIPE_SECRET_KEY=keys.key, STRIPE_WEBHOOK_SECRET=keys.webhook
    )
    operator.take_mark(image)
    return operator


class Customer:
    """Somebody with a phone and a mailbox; every tap is counted."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.taps = 0
        sandbox.add_phone(PHONE, "Lin")

    def open_mail(self, subject: str, *, link: str) -> None:
        """Tap the first link with these characters in the e-mail about `subject`."""
        mail = self._sandbox.wait_for_mail(EMAIL, subject, timeout=300)
        assert mail is not None, [one.subject for one in self._sandbox.mailbox()]
        self._sandbox.open_link(PHONE, next(one for one in mail.links if link in one))
        self.taps += 1

    def confirm(self) -> BotAccount:
        """Tap the Create or Start that the phone shows."""
        self.taps += 1
        return self._sandbox.confirm(PHONE)


def test_from_a_checkout_to_an_answered_hello_in_four_taps_and_no_command(
    operator: Operator, sandbox: Sandbox
) -> None:
    stripe, customer, port = sandbox.live_stripe, Customer(sandbox), _free_port()
    stripe.set_webhook(f"http://127.0.0.1:{port}/webhooks/stripe")

    with _serving(operator, port) as serving:
        stripe.checkout(EMAIL, name="Lin Clark", telegram=f"@{PHONE}")
        customer.open_mail("two taps are yours", link="/newbot/")
        bot = customer.confirm()
        _until(lambda: "openclaw" in _run_logs(operator), "the server installs")
        serving.kill()
    with _serving(operator, port) as serving:
        customer.open_mail("ready", link=bot.username)
        assert customer.confirm().username == bot.username
        serving.wait_for(f"{EMAIL}: provision: done")
        said = sandbox.say(PHONE, bot.username, "hello")
        answer = sandbox.wait_for_reply(
            PHONE, bot.username, after=said.id, containing="You wrote: “hello", timeout=120
        )
    stripe.set_webhook(None)

    assert answer is not None, sandbox.chat(PHONE, bot.username)
    assert customer.taps == 4
    _check(operator, sandbox, bot)


def _check(operator: Operator, sandbox: Sandbox, bot: BotAccount) -> None:
    record = operator.record(EMAIL)
    messaging = record["setup"]["messaging"]
    (lin,) = [phone for phone in sandbox.phones() if phone.username == PHONE]
    assert (record["status"], record["setup"]["status"]) == ("active", "complete")
    assert (messaging["userId"], messaging["botUsername"]) == (str(lin.id), bot.username)
    assert messaging["username"] == f"@{PHONE}"
    assert record["requests"] == []
    assert operator.droplets_of(record) == [record["setup"]["droplet"]["id"]]
    events = [event["event"] for event in record["timeline"]]
    # The customer's part began before the server was there.
    assert events.index("contact_sent") < events.index("droplet_created")
    for once in ("checkout_paid", "bot_created", "telegram_connected", "ready_sent", "onboarding_complete"):
        assert events.count(once) == 1, events
    by = {event["event"]: event.get("by") for event in record["timeline"]}
    assert by["subscription_created"] == by["checkout_paid"] == "Stripe"
    assert by["droplet_created"] == by["onboarding_complete"] == "the worker"
    # Her own doing is told in its words.
    assert by.pop("bot_created") is None
    assert set(by.values()) == {"Stripe", "the worker"}
    assert messaging["botToken"] not in json.dumps(record["timeline"])
    texts = [message.text for message in sandbox.chat(PHONE, bot.username) if message.sender == "bot"]
    # One greeting, and it is ours: the gateway takes a chat's messages in their order, and has said nothing
    # to her Start when it answers her hello.
    greeting, answer = texts
    assert "/status" in greeting
    assert "StuffPress looks after" in greeting
    assert "You wrote: “hello" in answer


@contextmanager
def _serving(operator: Operator, port: int) -> Iterator[Running]:
    with operator.start("serve", "--port", str(port)) as serving:
        serving.wait_for("serving on")
        yield serving


def _run_logs(operator: Operator) -> str:
    logs = sorted((operator.workspace / ".provisioner" / "runs").glob("*.jsonl"))
    return "".join(path.read_text() for path in logs)


def _until(true: Callable[[], bool], what: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.2)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
