"""The sandbox's Stripe in this process, over real HTTP, spoken with through the official library."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import stripe as official
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from provisioner.sandbox.faults.injection import BreakableProtocol, Injection
from provisioner.sandbox.faults.rules import FaultBook
from provisioner.sandbox.stripe.app import stripe_app
from provisioner.sandbox.stripe.dashboard import Dashboard, Purchase
from provisioner.sandbox.stripe.modes import Credentials, Mode, Stripe
from tests.serving import serving

KEY = "sk_test_" + "5e" * 12
LIVE_KEY = "sk_live_" + "6f" * 12
SECRET = "whsec_" + "7a" * 12


@dataclass
class Received:
    body: bytes
    signature: str

    @property
    def event(self) -> official.Event:
        """As the official library takes it; raises what that raises."""
        event: official.Event = official.Webhook.construct_event(self.body, self.signature, SECRET)
        return event


@dataclass
class Receiver:
    """A webhook endpoint that answers as it is told; at the end of `answers` always with 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        self.received.append(Received(body, request.headers["stripe-signature"]))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    @property
    def types(self) -> list[str]:
        return [one.event.type for one in self.received]


@dataclass
class World:
    """The official client, and what is behind it."""

    client: official.StripeClient
    mode: Mode
    board: Dashboard
    book: FaultBook
    root: str
    receiver: Receiver

    def buy(self, email: str = "ada@example.com", **typed: Any) -> official.Subscription:
        bought = self.board.checkout(Purchase(email=email, **typed))
        return self.client.v1.subscriptions.retrieve(bought["id"])

    def subscription(self, subscription_id: str) -> official.Subscription:
        return self.client.v1.subscriptions.retrieve(subscription_id)

    def types(self) -> list[str]:
        """Of all events there ever were, in their order."""
        return [event["type"] for event in self.mode.account.all("event")]

    def types_since(self, act: Callable[[], object]) -> list[str]:
        before = len(self.types())
        act()
        return self.types()[before:]

    def options(self, **options: Any) -> None:
        account = self.mode.account
        with account.lock:
            account.options = account.options.model_copy(update=options)
        self.mode.deliveries.nudge()

    def listen(self, **endpoint: Any) -> None:
        self.board.set_webhook(self.receiver.url, **endpoint)

    def delivered(self) -> list[str]:
        """The types that arrived, when nothing is left to deliver."""
        deadline = time.monotonic() + 10
        while self.mode.deliveries.waiting():
            assert time.monotonic() < deadline, "deliveries are left"
            time.sleep(0.002)
        return self.receiver.types

    def arrived(self, count: int) -> None:
        """Wait until so many deliveries were made, and what comes of the last is decided."""
        deadline = time.monotonic() + 10
        while len(self.mode.deliveries.made) < count or self.mode.deliveries.under_way:
            assert time.monotonic() < deadline, "too few deliveries"
            time.sleep(0.002)

    def raw(self, method: str, path: str, key: str = KEY, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}
        return httpx.request(method, f"{self.root}{path}", headers=headers, verify=False, **more)


class StripeServer:
    """One address at which one Stripe after another is served: starting a server takes longer than a test."""

    def __init__(self) -> None:
        self.root = ""
        self._app: ASGIApp = Starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    @contextmanager
    def world(self) -> Iterator[World]:
        """A fresh Stripe there, in both modes; the test mode delivers events."""
        book, receiver = FaultBook(), Receiver(f"{self.root}/hook")
        test = Mode(Credentials(KEY, SECRET), book=book)
        live = Mode(Credentials(LIVE_KEY, f"{SECRET}live"), livemode=True, book=book)
        self._app = Starlette(
            routes=[
                Route("/hook", receiver.answer, methods=["POST"]),
                Mount("/v1", Injection(stripe_app(Stripe(test, live)), "stripe", book)),
            ]
        )
        test.deliveries.start()
        try:
            with client_of(self.root, KEY) as client:
                yield World(client, test, Dashboard(test), book, self.root, receiver)
        finally:
            test.deliveries.close()


@contextmanager
def stripe_server() -> Iterator[StripeServer]:
    """On loopback, for as long as the block lasts."""
    # Every connection that a fault breaks is a warning to it.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    server = StripeServer()
    with serving(server, protocol=BreakableProtocol) as server.root:
        yield server


@contextmanager
def client_of(root: str, key: str, **options: Any) -> Iterator[official.StripeClient]:
    """The official client, which tells nobody of itself, and whose connections are closed with the block."""
    official.enable_telemetry = False
    http = official.RequestsClient(timeout=10)
    yield official.StripeClient(key, base_addresses={"api": root}, http_client=http, **options)
    http.close()  # type: ignore[no-untyped-call]
