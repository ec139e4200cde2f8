"""The dashboard with 10,000 customers and 100,000 events, beside what it takes to read the records alone."""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from provisioner.web.access.operators import Operators
from provisioner.web.access.place import access_folder
from tests.benchmarks.test_records import MANY, fill, medians, milliseconds, tell
from tests.web.serving_process import ServingProcess

PAGE, MONEY = 4, 60
"""How many times as long a page takes, at most, as reading what a list shows of everybody."""
WAIT_MS = 200
"""How long 99 of 100 who ask for nothing big wait at most beside that."""
PATHS = {
    "today": "/",
    "customers": "/customers",
    "search": "/customers?q=customer77",
    "one": "/customers/cust_77",
    "operations": "/operations",
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    """The real `serve`, whose worker rests: its rounds would be measured, too."""
    process = ServingProcess(tmp_path_factory.mktemp("dashboard"))
    fill(process.workspace.root, MANY)
    process.start()
    yield process
    process.kill()


@contextmanager
def signed_in(process: ServingProcess, name: str) -> Iterator[httpx.Client]:
    _, token = Operators(access_folder(process.workspace)).invite(name, "owner")
    headers = {"sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=process.url, timeout=60, headers=headers) as client:
        assert client.post("/sign-in/link", data={"token": token}).status_code == 303
        yield client


def test_pages_with_10000_customers(process: ServingProcess, capsys: pytest.CaptureFixture[str]) -> None:
    with signed_in(process, "ada") as client:
        pages = [lambda path=path: _good(client.get(path)) for path in PATHS.values()]
        reading, *took = medians(lambda: list(process.workspace.store().views()), *pages)
        money = milliseconds(lambda: _good(client.get("/money")))
    tell(capsys, f"{MANY} customers: reading what a list shows of all {reading:.0f} ms")
    for name, milliseconds_taken in zip(PATHS, took, strict=True):
        ratio = milliseconds_taken / reading
        tell(capsys, f"{name:<11} {milliseconds_taken:6.0f} ms = {ratio:.2f} x that (at most {PAGE})")
    tell(capsys, f"money       {money:6.0f} ms = {money / reading:.2f} x that (at most {MONEY})")
    assert max(took) <= PAGE * reading
    assert money <= MONEY * reading


def test_who_asks_while_pages_are_read_hardly_waits(
    process: ServingProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Stripe and a load balancer ask is answered beside three people who look again and again."""
    alone = _waits(process.url)
    over = threading.Event()

    def look(number: int) -> None:
        with signed_in(process, f"person{number}") as client:
            while not over.is_set():
                _good(client.get("/"))

    people = [threading.Thread(target=look, args=(number,)) for number in range(3)]
    for one in people:
        one.start()
    beside = _waits(process.url)
    over.set()
    for one in people:
        one.join()
    tell(capsys, f"p99 of an answer: alone {alone:.1f} ms, beside three people {beside:.1f} ms")
    assert beside < WAIT_MS


def _waits(url: str) -> float:
    """The 99th percentile of what a small question waits, in ms."""
    with httpx.Client(base_url=url, timeout=60) as client:
        times = []
        for _ in range(300):
            times.append(milliseconds(lambda: client.get("/healthz")))
            time.sleep(0.005)
    return statistics.quantiles(times, n=100)[98]


def _good(answer: httpx.Response) -> None:
    assert answer.status_code == 200
