"""The webhook answers 200 to what is on disk, and refuses everything else with one line in the log."""

import asyncio
import errno
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp
from stripe import WebhookSignature

from provisioner.filesystem.durable import Files
from provisioner.payments.inbox import Inbox
from provisioner.payments.receive import Receiver
from provisioner.web.app import LARGEST_BODY, application
from provisioner.web.metrics import Metrics
from tests.payments.stripe_events import Document, Person, event

SECRET = "whsec_web"
URL = "/webhooks/stripe"


class FullDisk(Files):
    """A disk that takes nothing more."""

    full = False

    def write(self, handle: int, data: bytes) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(handle, data)


class Client:
    """Asks an application, without a network between them."""

    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://here") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)


@dataclass
class Web:
    """The application, what it said, and how often somebody was woken."""

    inbox: Inbox
    files: FullDisk
    said: list[str] = field(default_factory=list)
    woken: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = Receiver(self.inbox, [SECRET], livemode=True)
        app = application(Metrics(), self.said.append, lambda: self.wrong, receiver, self._wake)
        self.client = Client(app)

    def send(self, document: Any, secret: str = SECRET, at: float | None = None) -> int:
        body = document if isinstance(document, str) else json.dumps(document)
        header = WebhookSignature.generate_signature_header(body, secret, int(at or time.time()))
        return self.client.request(
            "POST", URL, content=body, headers={"Stripe-Signature": header}
        ).status_code

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def web(tmp_path: Path) -> Web:
    files = FullDisk()
    return Web(Inbox(tmp_path, files), files)


@pytest.fixture
def paid() -> Document:
    *_, completed = Person("ada", "ada@example.com").subscribe()
    return completed


def test_an_event_is_on_disk_when_it_is_acknowledged(web: Web, paid: Document) -> None:
    assert web.send(paid) == 200
    assert [one.document for one in web.inbox.pending()] == [paid]
    assert (web.woken, web.said) == (1, [])


def test_an_event_that_comes_again_is_acknowledged_and_kept_once(web: Web, paid: Document) -> None:
    assert [web.send(paid), web.send(paid)] == [200, 200]
    assert len(web.inbox.pending()) == 1
    assert web.woken == 1


def test_an_event_that_means_nothing_to_us_is_acknowledged_and_not_kept(web: Web) -> None:
    assert web.send(event("product.created", {"object": "product", "id": "prod_1"}, 1)) == 200
    assert web.inbox.all() == []


def test_what_cannot_be_written_has_to_be_sent_again(web: Web, paid: Document) -> None:
    web.files.full = True
    assert web.send(paid) == 503
    assert "No space left on device" in web.said[0]

    web.files.full = False

    assert web.send(paid) == 200


@pytest.mark.parametrize(
    ("document", "options"),
    [
        ({}, {}),
        ([], {}),
        ("no JSON", {}),
        ({"object": "v2.core.event", "id": "evt_1"}, {}),
        ({"object": "event"}, {"secret": "whsec_other"}),
        ({"object": "event"}, {"at": time.time() - 1000}),
        ({"object": "event"}, {"at": time.time() + 1000}),
    ],
)
def test_what_is_not_stripes_is_refused_with_one_line(web: Web, document: Any, options: Any) -> None:
    assert web.send(document, **options) == 400
    assert len(web.said) == 1
    assert web.said[0].startswith("POST /webhooks/stripe: 400: could not ")
    assert (web.inbox.all(), web.woken) == ([], 0)


def test_an_event_of_the_other_mode_is_refused(web: Web, paid: Document) -> None:
    assert web.send(paid | {"livemode": False}) == 400
    assert "test mode" in web.said[0]
    assert web.inbox.all() == []


def test_a_body_of_ten_megabytes_is_refused_unread(web: Web) -> None:
    assert web.send(json.dumps({"x": "a" * 10_000_000})) == 413
    assert web.send("x" * (LARGEST_BODY + 1)) == 413
    assert [line.split(":")[1] for line in web.said] == [" 413", " 413"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused_with_one_line(web: Web, method: str) -> None:
    assert web.client.request(method, URL).status_code == 405
    assert len(web.said) == 1


def test_a_request_cannot_write_lines_of_its_own_into_the_log(web: Web) -> None:
    assert web.client.get("/a%0d%0ab%1b[31m" + "c" * 500).status_code == 404
    assert len(web.said) == 1
    assert web.said[0].isprintable()
    assert len(web.said[0]) < 150


def test_a_bug_is_one_line_and_an_answer(web: Web, paid: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Inbox, "receive", stumble)
    assert web.send(paid) == 500
    assert web.said == ["POST /webhooks/stripe: 500: a bug: ZeroDivisionError()"]


def test_health_and_readiness_are_told_apart(web: Web) -> None:
    assert web.client.get("/healthz").json() == {"status": "ok"}
    assert web.client.get("/readyz").json() == {"status": "ready", "problems": []}
    web.wrong = ["the worker: no sign of life"]
    answer = web.client.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, web.wrong)
    assert web.client.get("/healthz").status_code == 200
    assert web.said == []


def test_metrics_count_what_became_of_requests(web: Web, paid: Document) -> None:
    web.send(paid)
    web.send(paid)
    web.send({})
    text = web.client.get("/metrics").text
    for result in ("new", "again", "refused"):
        assert f'provisioner_stripe_events_total{{result="{result}"}} 1.0' in text


def test_without_a_secret_there_is_no_webhook() -> None:
    app = application(Metrics(), lambda _: None, list, None, lambda: None)
    assert Client(app).request("POST", URL).status_code == 404
