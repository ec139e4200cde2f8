"""What one mode of the account holds, in memory: its objects in the current shape, its events, its time.

It lives as long as the sandbox's process, as the other services' state does.
"""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from provisioner.sandbox.changes import Changes
from provisioner.sandbox.stripe.clock import DAY, StripeClock
from provisioner.sandbox.stripe.errors import missing
from provisioner.sandbox.stripe.ids import new_id
from provisioner.sandbox.stripe.options import StripeOptions

Json = dict[str, Any]

Behavior = Literal["pays", "declines", "authenticates", "delays"]
"""What a payment method does when it is charged; one that delays takes days."""

EVENTS_KEPT_DAYS: Final = 30


@dataclass(frozen=True)
class Caller:
    """The request that is being answered; without one, what happens came from time or the dashboard."""

    id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Secret:
    """One that signs; the one before it goes on signing until a moment of the account's clock."""

    text: str = field(repr=False)
    until: int | None = None


@dataclass
class Account:
    """Every reader and writer holds `lock`. Objects are dicts, found by what they are and their id."""

    livemode: bool = False
    clock: StripeClock = field(default_factory=StripeClock)
    options: StripeOptions = field(default_factory=StripeOptions)
    lock: threading.RLock = field(default_factory=threading.RLock)
    changes: Changes = field(default_factory=Changes)
    objects: dict[str, dict[str, Json]] = field(default_factory=dict)
    caller: Caller = Caller()
    behaviors: dict[str, Behavior] = field(default_factory=dict)
    """The payment methods that do not simply pay."""
    pending_lines: dict[str, list[Json]] = field(default_factory=dict)
    """Lines for the next invoice of a subscription."""
    given: set[str] = field(default_factory=set)
    """The discounts that an invoice had."""
    told: set[tuple[str, int]] = field(default_factory=set)
    """The trials, by subscription and end, whose end was announced."""
    secrets: dict[str, list[Secret]] = field(default_factory=dict)
    """With what the deliveries to a webhook endpoint are signed."""
    tried: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What finishes the checkout of a subscription whose first card was refused."""
    payment_of: dict[str, Json] = field(default_factory=dict)
    """The invoice payment of each invoice that was ever owed."""
    earliest: int = 0
    """Before this moment nothing comes due, unless something happens."""
    listeners: list[Callable[[Json], None]] = field(default_factory=list)
    """Called with each new event, under the lock."""

    @property
    def id(self) -> str:
        return "acct_1SandboxStripe000"

    @property
    def now(self) -> int:
        return self.clock.now()

    def new_id(self, prefix: str) -> str:
        return new_id(prefix)

    def table(self, kind: str) -> dict[str, Json]:
        return self.objects.setdefault(kind, {})

    def all(self, kind: str) -> list[Json]:
        """Oldest first."""
        return list(self.table(kind).values())

    def add(self, thing: Json) -> Json:
        self.table(thing["object"])[thing["id"]] = thing
        return thing

    def find(self, kind: str, wanted: str, param: str | None = "id") -> Json:
        """The object of this id; resource_missing, with 404 where the path named it, else 400."""
        found = self.table(kind).get(wanted)
        if found is None:
            raise missing(_SPOKEN.get(kind, kind), wanted, param, status=404 if param == "id" else 400)
        return found

    def emit(self, kind: str, thing: Json, previous: Json | None = None) -> Json:
        """Write down that something happened, with the object as it is now."""
        data: Json = {"object": copy.deepcopy(thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": self.options.api_version,
            "created": self.now,
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": 0,
            "request": {"id": self.caller.id, "idempotency_key": self.caller.idempotency_key},
            "type": kind,
        }
        self.add(event)
        self.earliest = 0
        for listen in self.listeners:
            listen(event)
        self.changes.announce()
        return event

    @contextmanager
    def changing(self, thing: Json, *kinds: str) -> Iterator[Json]:
        """Events of these kinds about what the block has changed, if it has; an error undoes the change."""
        before = copy.deepcopy(thing)
        try:
            yield thing
        except BaseException:
            thing.clear()
            thing.update(before)
            raise
        previous = difference(before, thing)
        if not previous:
            return
        for kind in kinds:
            self.emit(kind, thing, previous if kind.endswith(".updated") else None)

    @contextmanager
    def called_by(self, caller: Caller) -> Iterator[None]:
        before, self.caller = self.caller, caller
        try:
            yield
        finally:
            self.caller = before

    def behavior(self, card: Json) -> Behavior:
        return self.behaviors.get(card["id"], "pays")

    def events(self) -> list[Json]:
        """Those of the last 30 days, oldest first."""
        since = self.now - EVENTS_KEPT_DAYS * DAY
        return [event for event in self.table("event").values() if event["created"] > since]


def difference(before: Json, after: Json) -> Json:
    """What `before` had where the two differ; of structures, only what differs in them."""
    changed: Json = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        both = isinstance(old, dict) and isinstance(new, dict)
        changed[name] = difference(old, new) if both else old  # type: ignore[arg-type]
    return changed


_SPOKEN: Final = {"checkout.session": "checkout.session", "payment_method": "PaymentMethod"}
