"""One look at one customer's server and channel, from wherever it is made."""

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.record import Customer
from provisioner.errors import ProvisionerError
from provisioner.health.judge import Sign, piling_up
from provisioner.health.report import ServerReport
from provisioner.health.visit import Visit, look_at_server
from provisioner.messaging.registry import known_channel
from provisioner.settings import Settings

_ANSWER_SECONDS = 5.0
_AGAIN_SECONDS = 5.0
"""A message that still waits after so long is not one that has come just now."""

Waiting = Callable[[Customer], int | None]


@dataclass(frozen=True)
class ServerHealth:
    """How one customer's server is; `waiting` are the messages that nobody has taken.

    `report` is None where the server gave none: a sign says why. `held` where a run was at work meanwhile:
    what is seen then may be its doing. `unwritten` is why a change is not in the record.
    """

    customer: Customer
    report: ServerReport | None
    waiting: int | None
    signs: tuple[Sign, ...]
    held: bool = False
    unwritten: ProvisionerError | None = None

    @property
    def problems(self) -> tuple[Sign, ...]:
        return tuple(sign for sign in self.signs if sign.severity == "problem")


@dataclass(frozen=True)
class Look:
    """How to look: over `visit`, and `waiting` asks the channel."""

    settings: Settings
    visit: Visit
    waiting: Waiting
    clock: Clock = SYSTEM_CLOCK

    def at(self, customer: Customer) -> ServerHealth:
        """How their server is; nothing is changed anywhere."""
        report, signs = look_at_server(customer, self.visit, self.settings)
        waiting = self._still_waiting(customer) if report is not None and report.ready else None
        if waiting:
            signs.append(piling_up(customer, waiting))
        return ServerHealth(customer, report, waiting, tuple(signs))

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
