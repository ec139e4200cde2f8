"""The sandbox's Stripe commands, on a running sandbox: its events arrive, signed, at a program of ours."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe as official
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from provisioner.sandbox.control.client import Sandbox, running_sandbox
from tests.cli.conftest import Invoke
from tests.cli.sandbox.test_machine import Command
from tests.serving import serving

ADA = "ada@example.com"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("stripe") / "box") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(invoke: Invoke, running: Sandbox) -> Command:
    return Command(invoke, running.folder.path)


@pytest.fixture
def client(running: Sandbox) -> Iterator[official.StripeClient]:
    env = running.env
    http = official.RequestsClient(timeout=10)
    yield official.StripeClient(
        env["STRIPE_SECRET_KEY"], base_addresses={"api": env["STRIPE_API_BASE"]}, http_client=http
    )
    http.close()  # type: ignore[no-untyped-call]


class Hook:
    """A webhook endpoint that takes what is signed with this secret."""

    def __init__(self, secret: str) -> None:
        self.events: list[official.Event] = []
        self._secret = secret

    async def answer(self, request: Request) -> Response:
        body, header = await request.body(), request.headers["stripe-signature"]
        self.events.append(official.Webhook.construct_event(body, header, self._secret))
        return Response()


@pytest.fixture
def hook(running: Sandbox) -> Iterator[tuple[Hook, str]]:
    made = Hook(running.env["STRIPE_WEBHOOK_SECRET"])
    with serving(Starlette(routes=[Route("/hook", made.answer, methods=["POST"])])) as root:
        yield made, f"{root}/hook"
        running.stripe.set_webhook(None)


def test_a_checkout_reaches_the_webhook_and_the_api(
    sandbox: Command, running: Sandbox, client: official.StripeClient, hook: tuple[Hook, str]
) -> None:
    received, url = hook
    assert sandbox("stripe", "webhook", url, "--type", "checkout.session.completed").code == 0
    printed = sandbox.ok("stripe", "checkout", ADA, "--name", "Ada", "--telegram", "@ada", "--price", "4900")
    found = re.match(r"(sub_\w+)  active, paid until \d{4}-", printed)
    assert found
    assert client.v1.subscriptions.retrieve(found[1]).status == "active"
    running.stripe.wait_until_delivered()
    (event,) = received.events
    session: Any = event.data.object
    assert (session.subscription, session.custom_fields[0].text.value) == (found[1], "@ada")

    sandbox.ok("stripe", "resend", event.id)
    running.stripe.wait_until_delivered()
    assert [one.id for one in received.events] == [event.id] * 2
    (listed,) = [one for one in sandbox.json("stripe", "events")["events"] if one["id"] == event.id]
    assert (listed["type"], listed["answers"], listed["pending"]) == (event.type, [200, 200], 0)
    assert f"{event.id}  checkout.session.completed  200 200" in sandbox.ok("stripe", "events")


def test_a_customer_from_the_first_payment_to_the_end(sandbox: Command) -> None:
    def status(*words: str) -> str:
        return str(sandbox.json("stripe", *words)["subscription"]["status"])

    who = "bert@example.com"
    assert status("checkout", who, "--trial", "3") == "trialing"
    assert sandbox.ok("stripe", "clock", "+4").endswith(" 4 days ahead\n")
    assert status("fail", who) == "past_due"
    assert status("pay", who) == "active"
    assert status("pause", who) == "paused"
    assert status("resume", who) == "active"
    assert status("price", who, "500") == "active"
    assert status("pause", who, "--collection", "void") == "active"
    assert status("resume", who) == "active"
    assert "succeeded, 100 usd" in sandbox.ok("stripe", "refund", who, "--amount", "100")
    assert sandbox.json("stripe", "dispute", who)["dispute"]["status"] == "needs_response"
    assert " lost, " in sandbox.ok("stripe", "dispute", who, "--close", "lost")
    assert "new@example.com" in sandbox.ok("stripe", "update-email", who, "new@example.com")
    assert ", ends " in sandbox.ok("stripe", "cancel", "new@example.com", "--feedback", "unused")
    assert ", ends " not in sandbox.ok("stripe", "cancel", "new@example.com", "--undo")
    assert status("cancel", "new@example.com", "--now") == "canceled"
    again = sandbox("stripe", "cancel", "new@example.com")
    assert (again.code, "none of theirs runs" in again.err) == (1, True)


def test_live_mode_has_keys_and_customers_of_its_own(sandbox: Command, running: Sandbox) -> None:
    test, live = sandbox.json("stripe", "keys"), sandbox.json("stripe", "--live", "keys")
    assert test["key"] == running.env["STRIPE_SECRET_KEY"]
    assert (test["key"][:8], live["key"][:8]) == ("sk_test_", "sk_live_")
    assert test["webhook"] != live["webhook"]
    sandbox.ok("stripe", "--live", "checkout", "live@example.com")
    assert sandbox("stripe", "pay", "live@example.com").code == 1
    running.live_stripe.pay("live@example.com")


def test_how_events_arrive_is_turned(sandbox: Command, running: Sandbox) -> None:
    printed = sandbox.ok("stripe", "options", "doubles=0.5", "disorder=true", "retry_days=1,2")
    assert {"doubles=0.5", "disorder=True", "retry_days=1,2"} <= set(printed.split("\n"))
    assert running.stripe.options.retry_days == (1, 2)
    refused = sandbox("stripe", "options", "doubles=2")
    assert (refused.code, "doubles" in refused.err) == (1, True)
    assert sandbox("stripe", "options", "doubles").code == 2
    running.stripe.set_options(doubles=0, disorder=False)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("pay", "nobody@example.com"), 1, "nobody of this address"),
        (("checkout", "x@example.com", "--price", "price_no"), 1, "so many cents a month"),
        (("webhook", "https://example.com/hook"), 1, "loopback"),
        (("webhook", "--roll"), 1, "stripe webhook URL"),
        (("resend", "evt_no"), 1, "No such event"),
        (("clock", "soon"), 2, "+31"),
        (("clock", "-1"), 1, "only moves on"),
        (("pause", ADA, "--collection", "never"), 1, "keep_as_draft"),
    ],
)
def test_what_cannot_be_done_is_said(sandbox: Command, words: tuple[str, ...], code: int, said: str) -> None:
    result = sandbox("stripe", *words)
    assert (result.code, said in result.err) == (code, True), result.err


def test_faults_meet_its_requests(sandbox: Command, running: Sandbox, client: official.StripeClient) -> None:
    sandbox.ok("faults", "add", "stripe", "status", "status=503", "--path", "/v1/events")
    with pytest.raises(official.APIError):
        client.v1.events.list()
    client.v1.events.list()
    assert running.count("stripe", "GET", "/v1/events") == 2


def test_its_keys_outlive_it_and_its_customers_do_not(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "box") as first:
        before = first.env
        first.stripe.checkout(ADA)
    with running_sandbox(tmp_path / "box") as second:
        assert second.env["STRIPE_SECRET_KEY"] == before["STRIPE_SECRET_KEY"]
        assert second.env["STRIPE_API_BASE"] == before["STRIPE_API_BASE"]
        assert second.stripe.events() == []
