"""Events on their way to the webhook endpoints: signed, repeated until accepted, in any disorder wanted."""

import heapq
import http.client
import itertools
import json
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from provisioner.sandbox.faults.rules import WIRE_KINDS, WITHOUT_EFFECT, Fault, FaultBook
from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.clock import DAY, HOUR
from provisioner.sandbox.stripe.endpoints import secrets_of, wants
from provisioner.sandbox.stripe.life.due import settle
from provisioner.sandbox.stripe.signatures import signature_header
from provisioner.sandbox.stripe.versions import rendered_event

log = logging.getLogger(__name__)

SERVICE: Final = "webhook"
_TWIN: Final = "Twin"
_GIVEN_UP_AFTER: Final = 3 * DAY
_LONGEST_PAUSE: Final = 6 * HOUR
_LONGEST_SLEEP: Final = 60.0
_MOST_AT_ONCE: Final = 8
_SKEWED: Final = {"old": -HOUR, "future": HOUR}
_HEADERS: Final = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    "Accept": "*/*; q=0.5, application/xml",
    "Cache-Control": "no-cache",
    "Connection": "close",
}


@dataclass(frozen=True)
class Attempt:
    """One delivery to come; an extra one is not repeated.

    `due`, and `since`, from which repeats are counted, are moments of the account's clock.
    """

    event: str
    endpoint: str
    due: float
    since: float
    tries: int = 0
    extra: bool = False


@dataclass(frozen=True)
class Delivery:
    """One that was made, at a moment of the machine's clock; status 0 is no answer."""

    event: str
    endpoint: str
    status: int
    at: float

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class _Sending:
    """What goes over the wire."""

    url: str
    body: bytes
    headers: dict[str, str] = field(repr=False)
    timeout: float


class Deliveries:
    """Threads that deliver, and that let happen in time what comes due; `close` ends them."""

    def __init__(
        self, account: Account, book: FaultBook | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self.made: list[Delivery] = []
        self.under_way = 0
        self._account = account
        self._book = book or FaultBook()
        self._now = now
        self._wake = threading.Condition(account.lock)
        self._waiting: list[tuple[float, int, Attempt]] = []
        self._count = itertools.count()
        self._seed: int | None = None
        self._random = random.Random()
        self._closed = False
        self._open: set[http.client.HTTPConnection] = set()
        account.listeners.append(self.announce)
        self._threads = [
            threading.Thread(target=self._work, name=f"stripe-{number}", daemon=True)
            for number in range(_MOST_AT_ONCE)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop at once; what is under way is cut off."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
            for connection in self._open:
                with suppress(OSError, AttributeError):
                    connection.sock.shutdown(2)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5)

    def announce(self, event: Json) -> None:
        """Send a new event to whoever wants it; called under the account's lock."""
        options = self._account.options
        for endpoint in self._account.all("webhook_endpoint"):
            if not wants(endpoint, event["type"]):
                continue
            event["pending_webhooks"] += 1
            self._schedule(self._attempt(event, endpoint, self._first_moment()))
            if self._chance().random() < options.doubles:
                self._schedule(self._attempt(event, endpoint, self._first_moment(), extra=True))
        if not event["id"].endswith(_TWIN) and self._chance().random() < options.twins:
            self.announce(self._account.add({**event, "id": event["id"] + _TWIN, "pending_webhooks": 0}))

    def resend(self, event: Json, endpoint: Json) -> None:
        """Deliver it again now, whatever became of it before."""
        with self._wake:
            self._schedule(self._attempt(event, endpoint, self._account.now, extra=True))

    def nudge(self) -> None:
        """The clock or the settings were changed: look again."""
        with self._wake:
            self._wake.notify_all()

    def waiting(self) -> int:
        """How many are still to be made, or are under way."""
        with self._wake:
            return len(self._waiting) + self.under_way

    def of(self, event_id: str) -> list[Delivery]:
        with self._wake:
            return [one for one in self.made if one.event == event_id]

    def _chance(self) -> random.Random:
        """Begun anew when the seed is changed."""
        if self._seed != self._account.options.seed:
            self._seed = self._account.options.seed
            self._random = random.Random(self._seed)
        return self._random

    def _first_moment(self) -> float:
        options = self._account.options
        delay = self._chance().uniform(0, options.delay) if options.disorder else options.delay
        return self._account.now + delay

    def _attempt(self, event: Json, endpoint: Json, due: float, *, extra: bool = False) -> Attempt:
        # Not since the event: when the clock has jumped, that may be long ago.
        return Attempt(event["id"], endpoint["id"], due, self._account.clock.exact(), extra=extra)

    def _schedule(self, attempt: Attempt) -> None:
        heapq.heappush(self._waiting, (attempt.due, next(self._count), attempt))
        self._wake.notify()

    def _work(self) -> None:
        while (attempt := self._next()) is not None:
            try:
                self._make(attempt)
            except Exception:
                log.exception("a delivery failed inside the sandbox")
            finally:
                with self._wake:
                    self.under_way -= 1
                    self._wake.notify()

    def _next(self) -> Attempt | None:
        """The next delivery, when it is due; None at the end."""
        with self._wake:
            while not self._closed:
                settle(self._account)
                options = self._account.options
                if not options.hold and self.under_way < options.parallel and (found := self._take()):
                    self.under_way += 1
                    self._wake.notify()
                    return found
                self._wake.wait(self._pause())
        return None

    def _take(self) -> Attempt | None:
        """One that is due: the first, or any of them where disorder is wanted."""
        now = self._account.clock.exact()
        if not self._waiting or self._waiting[0][0] > now:
            return None
        if not self._account.options.disorder:
            return heapq.heappop(self._waiting)[-1]
        due = [entry for entry in self._waiting if entry[0] <= now]
        chosen = self._chance().choice(due)
        self._waiting.remove(chosen)
        heapq.heapify(self._waiting)
        return chosen[-1]

    def _pause(self) -> float:
        """Seconds until something may be due."""
        now = self._account.clock.exact()
        moments = [float(self._account.earliest)]
        if self._waiting and not self._account.options.hold and not self.under_way:
            moments.append(self._waiting[0][0])
        return min(_LONGEST_SLEEP, max(0.01, min(moments) - now))

    def _make(self, attempt: Attempt) -> None:
        with self._wake:
            event = self._account.table("event").get(attempt.event)
            endpoint = self._account.table("webhook_endpoint").get(attempt.endpoint)
            if event is None or endpoint is None or endpoint["status"] != "enabled":
                return
            sending = self._written(event, endpoint)
        status = self._send(sending, event["type"])
        with self._wake:
            self.made.append(Delivery(attempt.event, attempt.endpoint, status, self._now()))
            self._note(attempt, event, accepted=200 <= status < 300)

    def _written(self, event: Json, endpoint: Json) -> _Sending:
        options = self._account.options
        shown = rendered_event(event, endpoint["api_version"] or options.api_version)
        body = json.dumps(shown, indent=2).encode()
        secrets = secrets_of(self._account, endpoint)
        if options.signature == "wrong":
            secrets = ["whsec_of_somebody_else"]
        # Receivers compare it with their own clock, which nobody has moved.
        moment = int(self._now()) + _SKEWED.get(options.signature, 0)
        signed = {**_HEADERS, "Stripe-Signature": signature_header(body, secrets, moment)}
        return _Sending(endpoint["url"], body, signed, options.timeout)

    def _note(self, attempt: Attempt, event: Json, *, accepted: bool) -> None:
        if attempt.extra:
            return
        if accepted:
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
            return
        now = self._account.clock.exact()
        if now - attempt.since > _GIVEN_UP_AFTER:
            return
        pause = min(_LONGEST_PAUSE, self._account.options.retry_pause * 2**attempt.tries)
        self._schedule(replace(attempt, due=now + pause, tries=attempt.tries + 1))

    def _send(self, sending: _Sending, kind: str) -> int:
        """The status of the answer; 0 without one, or where a fault has lost it."""
        self._book.note_arrival(SERVICE)
        struck = self._book.strike(SERVICE, "POST", kind)
        fault = next((one for one in struck if one.kind in WIRE_KINDS), None)
        status = self._post(sending) if fault is None else self._under_fault(fault, sending)
        self._book.note_answer(SERVICE, "POST", kind, status)
        return status

    def _under_fault(self, fault: Fault, sending: _Sending) -> int:
        if fault.kind in WITHOUT_EFFECT:
            return fault.params.status or 0
        if fault.kind == "delay" and not fault.params.after_effect:
            time.sleep(fault.params.seconds)
        status = self._post(sending)
        if fault.kind == "delay":
            if fault.params.after_effect:
                time.sleep(fault.params.seconds)
            return status
        # It arrived, and nobody here knows.
        return 0

    def _post(self, sending: _Sending) -> int:
        parts = urlsplit(sending.url)
        connection = _connection(parts.scheme, parts.hostname or "", parts.port, sending.timeout)
        with self._wake:
            self._open.add(connection)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, sending.body, sending.headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            log.info("no answer from %s: %s", sending.url, error)
            return 0
        finally:
            connection.close()
            with self._wake:
                self._open.discard(connection)


def _connection(scheme: str, host: str, port: int | None, timeout: float) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    # A certificate on loopback proves nothing.
    anything = ssl.create_default_context()
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=anything)
