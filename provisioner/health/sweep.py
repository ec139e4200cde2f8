"""Looking at many servers at once, and what becomes of it: only what has changed goes into the records."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from provisioner.actor import actor
from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.errors import ProvisionerError
from provisioner.failpoints import failpoint
from provisioner.health.judge import Sign, piling_up
from provisioner.health.report import ServerReport
from provisioner.health.visit import Visit, look_at_server
from provisioner.messaging.registry import known_channel
from provisioner.settings import Settings
from provisioner.timestamps import now

AT_ONCE = 32
"""How many servers are looked at at the same time."""
_ANSWER_SECONDS = 5.0
_AGAIN_SECONDS = 5.0
"""A message that still waits after so long is not one that has come just now."""
_DOING = "write down how the server is"

Waiting = Callable[[Customer], int | None]


@dataclass(frozen=True)
class ServerHealth:
    """How one customer's server is; `waiting` are the messages that nobody has taken.

    `report` is None where the server gave none: a sign says why. `unwritten` is why a change is not in the
    record.
    """

    customer: Customer
    report: ServerReport | None
    waiting: int | None
    signs: tuple[Sign, ...]
    unwritten: ProvisionerError | None = None

    @property
    def problems(self) -> tuple[Sign, ...]:
        return tuple(sign for sign in self.signs if sign.severity == "problem")


@dataclass(frozen=True)
class Sweep:
    """Looks at servers, and writes down what has changed."""

    store: CustomerStore
    settings: Settings
    visit: Visit
    waiting: Waiting
    clock: Clock = SYSTEM_CLOCK

    def over(
        self, customers: Sequence[Customer], say: Callable[[str], None] = lambda _: None
    ) -> Iterator[ServerHealth]:
        """Each of them, in their order; `say` is told how many have answered."""
        with ThreadPoolExecutor(min(AT_ONCE, max(1, len(customers)))) as pool:
            for number, seen in enumerate(pool.map(self._look, customers), start=1):
                say(f"looked at {number} of {len(customers)} servers")
                yield seen

    def _look(self, customer: Customer) -> ServerHealth:
        report, signs = look_at_server(customer, self.visit, self.settings)
        waiting = self._still_waiting(customer) if report is not None and report.ready else None
        if waiting:
            signs.append(piling_up(customer, waiting))
        seen = ServerHealth(customer, report, waiting, tuple(signs))
        try:
            note(self.store, seen)
        except ProvisionerError as problem:
            return ServerHealth(customer, report, waiting, tuple(signs), problem)
        return seen

    def _still_waiting(self, customer: Customer) -> int | None:
        """How many messages wait, and did a moment ago too."""
        before = self.waiting(customer)
        if not before:
            return before
        self.clock.sleep(_AGAIN_SECONDS)
        after = self.waiting(customer)
        return after if after is None else min(before, after)


def waiting_for(settings: Settings) -> Waiting:
    """Asks the customer's channel."""

    def ask(customer: Customer) -> int | None:
        channel = known_channel(customer)
        return None if channel is None else channel.waiting(settings, customer, _ANSWER_SECONDS)

    return ask


def note(store: CustomerStore, seen: ServerHealth) -> None:
    """Write down what is wrong, if it is not what was wrong before; one event says what has changed."""
    found = sorted({sign.about for sign in seen.problems})
    if found == _noted(seen.customer):
        return
    failpoint("before note the health")
    with store.edit(seen.customer.id, _DOING) as record:
        before = _noted(record.customer)
        if found == before:
            return
        record.set("health", {"problems": found, "since": now()})
        record.add_event("health_changed", _change(seen, before), by=actor())
    failpoint("after note the health")


def _noted(customer: Customer) -> list[str]:
    return sorted(customer.health.problems) if customer.health is not None else []


def _change(seen: ServerHealth, before: Sequence[str]) -> str:
    new = [sign.problem for sign in seen.problems if sign.about not in before]
    gone = [about for about in before if about not in {sign.about for sign in seen.problems}]
    over = [f"well again: {', '.join(gone)}"] if gone else []
    return "; ".join([*new, *over])
