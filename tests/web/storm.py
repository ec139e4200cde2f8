"""Many events of many customers, in any order and some twice, while the process is killed again and again.

`python -m tests.web.storm --customers 100 --kills 10 --seed 1` prints what it took, and ends with 1 if a
record is not as it would be had the events come in order.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
from stripe import WebhookSignature

from provisioner.payments.inbox import Inbox
from tests.payments.records import Place, comparable_records
from tests.payments.stripe_events import Document, life_of
from tests.web.serving_process import SECRET, ServingProcess, until

_SENDERS = 4
_DOUBLED = 0.3


@dataclass
class Storm:
    """What was sent, and what became of it."""

    events: int
    sent: int
    kills: int
    customers: int
    seconds: float
    done: int
    """Events that were dealt with, each counted once."""
    different: list[str]
    answers: dict[int, int]


def storm(folder: Path, customers: int, kills: int, seed: int) -> Storm:
    """Send everything, kill that often meanwhile, and compare the records whole."""
    chance = random.Random(seed)
    lives = [life_of(number, chance) for number in range(customers)]
    events = [one for life in lives for one in life]
    in_order = Place(folder / "in-order")
    for one in sorted(events, key=lambda one: one["created"]):
        in_order.receive(one)
    in_order.apply()

    mixed = [*events, *chance.sample(events, int(len(events) * _DOUBLED))]
    chance.shuffle(mixed)
    server = ServingProcess(folder / "workspace")
    began = time.monotonic()
    sender = _Sender(server)
    server.start()
    killer = threading.Thread(target=_kill, args=(server, sender, kills, len(mixed), chance))
    killer.start()
    with ThreadPoolExecutor(_SENDERS) as pool:
        list(pool.map(sender.send, mixed))
    killer.join()
    until(lambda: not any((server.workspace.state_dir / "stripe" / "pending").glob("*.json")))
    seconds = time.monotonic() - began
    server.end()

    there, wanted = comparable_records(server.workspace.customers_dir), in_order.records()
    different = [who for who in {*there, *wanted} if there.get(who) != wanted.get(who)]
    done = sum(one.place == "done" for one in Inbox(server.workspace.state_dir / "stripe").all())
    return Storm(len(events), len(mixed), kills, customers, seconds, done, different, sender.answers)


class _Sender:
    """Sends as Stripe does: again until it is acknowledged."""

    def __init__(self, server: ServingProcess) -> None:
        self._server = server
        self._lock = threading.Lock()
        self.done = 0
        self.answers: dict[int, int] = {}

    def send(self, document: Document) -> None:
        body = json.dumps(document)
        while (status := self._once(body)) != 200:
            time.sleep(0.1)
            assert status in (0, 503), status
        with self._lock:
            self.done += 1

    def _once(self, body: str) -> int:
        header = str(WebhookSignature.generate_signature_header(body, SECRET, int(time.time())))
        try:
            answer = httpx.post(
                f"{self._server.url}/webhooks/stripe",
                content=body,
                headers={"Stripe-Signature": header},
                timeout=30,
            )
            status = answer.status_code
        except httpx.HTTPError:
            status = 0
        with self._lock:
            self.answers[status] = self.answers.get(status, 0) + 1
        return status


def _kill(server: ServingProcess, sender: _Sender, kills: int, total: int, chance: random.Random) -> None:
    """Each time when another part of all was taken, and never at the same point of the work."""
    for number in range(1, kills + 1):
        until(lambda number=number: sender.done >= total * number // (kills + 1))  # type: ignore[misc]
        time.sleep(chance.random() * 0.3)
        server.kill()
        server.start()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=100)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = storm(Path(folder), options.customers, options.kills, options.seed)
    print(result)
    return 1 if result.different or result.done != result.events else 0


if __name__ == "__main__":
    sys.exit(main())
