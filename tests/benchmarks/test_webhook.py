"""How long Stripe waits for its answer, beside a bare program that checks a signature and writes a file.

Requests leave at their times, whether those before them were answered or not, and each is measured from the
moment at which it should have left. Meanwhile the process deals with all that comes.
"""

import hashlib
import hmac
import http.client
import json
import queue
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.payments.stripe_events import Document, life_of
from tests.web.serving_process import SECRET, WAIT_SECONDS, ServingProcess, until

PER_SECOND, CUSTOMERS, CONNECTIONS = 50, 100, 8
P99_MILLISECONDS = 50
"""At most, where the disk lets a bare program do it."""

BARE = """
import hashlib, hmac, json, os, sys
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

folder, secret = sys.argv[1], sys.argv[2].encode()

def take(body, header):
    moment, given = (part.split("=", 1)[1] for part in header.split(","))
    wanted = hmac.new(secret, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(wanted, given)
    path = f"{folder}/{json.loads(body)['id']}"
    with open(path + ".tmp", "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".tmp", path)
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)

async def answer(request):
    await run_in_threadpool(take, await request.body(), request.headers["stripe-signature"])
    return JSONResponse({"received": True})

app = Starlette(routes=[Route("/webhooks/stripe", answer, methods=["POST"])])
uvicorn.run(app, port=0, log_level="info")
"""


@dataclass(frozen=True)
class Waits:
    """Of all requests, in milliseconds."""

    each: Sequence[float]

    def __str__(self) -> str:
        median, p99 = statistics.median(self.each), self.p99
        return f"median {median:5.1f} ms, p99 {p99:5.1f} ms, longest {max(self.each):5.1f} ms"

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.each, n=100)[98]


@pytest.fixture
def events() -> list[Document]:
    chance = random.Random(1)
    lives = [life_of(number, chance) for number in range(CUSTOMERS)]
    return sorted((one for life in lives for one in life), key=lambda one: one["created"])


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "bare").mkdir()
    log = tmp_path / "bare.log"
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-c", BARE, tmp_path / "bare", SECRET], stderr=file)
    until(lambda: "running on " in log.read_text())
    yield log.read_text().partition("running on ")[2].split()[0]
    process.kill()
    process.wait(WAIT_SECONDS)


def test_what_stripe_waits_for_at_fifty_a_second(
    events: list[Document], bare: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = ServingProcess(tmp_path / "workspace")
    server.start()
    floor, ours = (send(url, events) for url in (bare, server.url))
    pending = server.workspace.state_dir / "stripe" / "pending"
    behind = len(list(pending.glob("*.json")))
    until(lambda: not list(pending.glob("*.json")))
    server.end()

    with capsys.disabled():
        print(f"\n  {len(events)} events of {CUSTOMERS} customers, {PER_SECOND} a second")
        print(f"  a bare program   {floor}")
        print(f"  serve            {ours}; {behind} were not dealt with at the end")
    assert ours.p99 < max(P99_MILLISECONDS, floor.p99)


def send(url: str, events: Sequence[Document]) -> Waits:
    """Send all of them at their times."""
    bodies = [json.dumps(one).encode() for one in events]
    due: queue.SimpleQueue[tuple[float, bytes] | None] = queue.SimpleQueue()
    waits: list[float] = []
    senders = [threading.Thread(target=_answer_in_turn, args=(url, due, waits)) for _ in range(CONNECTIONS)]
    for sender in senders:
        sender.start()
    began = time.monotonic()
    for number, body in enumerate(bodies):
        at = began + number / PER_SECOND
        time.sleep(max(0, at - time.monotonic()))
        due.put((at, body))
    for _ in senders:
        due.put(None)
    for sender in senders:
        sender.join()
    assert len(waits) == len(events)
    return Waits(waits)


def _answer_in_turn(
    url: str, due: "queue.SimpleQueue[tuple[float, bytes] | None]", waits: list[float]
) -> None:
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=WAIT_SECONDS)) as connection:
        while (one := due.get()) is not None:
            at, body = one
            connection.request("POST", "/webhooks/stripe", body, {"Stripe-Signature": signature(body)})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            waits.append((time.monotonic() - at) * 1000)


def signature(body: bytes) -> str:
    moment = int(time.time())
    signed = hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"
