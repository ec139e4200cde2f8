"""Where every customer stands, sorted into what a person has to do and what goes by itself.

Read anew for each page: nothing is remembered that could be old.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from provisioner.customers.done import STEPS, steps_done, waits_for
from provisioner.customers.lifecycle import has_left
from provisioner.customers.store import AnyListing, CustomerStore
from provisioner.customers.view import AnyCustomer
from provisioner.runs.status import CustomerStatus, statuses_of
from provisioner.timestamps import hours_since
from provisioner.workspace import Workspace

LIVE_SECONDS: Final = 2
"""How often a page looks again while somebody is at work."""
CALM_SECONDS: Final = 8
PATIENCE_HOURS: Final = 48
"""Who was waited for so long may need a word."""


@dataclass(frozen=True)
class Standing:
    """One customer, and where they stand."""

    customer: AnyCustomer
    archived: bool
    status: CustomerStatus | None
    """None for who has left."""

    @property
    def state(self) -> str:
        """In one word, as `provisioner status` has it; that of the record for who has left."""
        if self.customer.leaving is not None and self.customer.leaving.ended_at is None:
            return "leaving"
        if self.status is None:
            return self.customer.status
        if self.status.state == "done" and self.problems:
            return "unhealthy"
        return self.status.state

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with their server, a word each."""
        return self.customer.health.problems if self.customer.health is not None else ()

    @property
    def text(self) -> str:
        """What is going on, or what has to happen next."""
        if self.state == "leaving":
            return f"waits for {waits_for(self.customer)}"
        if self.state == "unhealthy" or self.status is None:
            return ", ".join(self.problems)
        if self.state == "new":
            return "The setup is asked for, and begins by itself." if self.customer.requests else ""
        return self.status.text or waits_for(self.customer)

    @property
    def since(self) -> str | None:
        if self.state == "unhealthy" and self.customer.health is not None:
            return self.customer.health.since
        return self.status.since if self.status is not None else None

    @property
    def done(self) -> Sequence[tuple[str, str]]:
        """Each step of the setup, and whether it is done, under way, or still to come."""
        there = steps_done(self.customer)
        now = self.status.step if self.status is not None and len(there) < len(STEPS) else None
        return [(one, "done" if one in there else "now" if one == now else "to come") for one in STEPS]


@dataclass(frozen=True)
class Situation:
    """Everybody who is not archived, or who is; and what cannot be read."""

    everybody: tuple[Standing, ...]
    broken: tuple[AnyListing, ...]


def situation(workspace: Workspace, *, archived: bool = False) -> Situation:
    """As the records, locks and run logs say at this moment."""
    customers, broken = _read(workspace.store(), archived=archived)
    # In the archive nobody is at work.
    there = [] if archived else [one for one in customers if not has_left(one.status)]
    found = {one.customer.id: one for one in statuses_of(workspace, there)}
    everybody = tuple(Standing(one, archived, found.get(one.id)) for one in customers)
    return Situation(everybody, tuple(broken))


def standing_of(workspace: Workspace, customer: AnyCustomer, *, archived: bool) -> Standing:
    """The same of one."""
    left = archived or has_left(customer.status)
    return Standing(customer, archived, None if left else next(statuses_of(workspace, [customer])))


def _read(store: CustomerStore, *, archived: bool) -> tuple[list[AnyCustomer], list[AnyListing]]:
    customers: list[AnyCustomer] = []
    broken: list[AnyListing] = []
    for listing in store.views(archived=archived):
        if listing.customer is None:
            broken.append(listing)
        else:
            customers.append(listing.customer)
    return customers, broken


def needs_person(one: Standing, jobs: int) -> bool:
    """Whether nothing goes on by itself for them, or it was waited for too long.

    `jobs` is how many customers the worker takes at once: with 0 it takes nobody.
    """
    retry = one.customer.retry
    if one.state in ("failed", "unhealthy", "unpaid") or (retry is not None and retry.failures > 0):
        return True
    if one.state == "waiting" and one.customer.setup.waiting is not None:
        return hours_since(one.customer.setup.waiting.since or "") > PATIENCE_HOURS
    if one.state == "new":
        return not any(asked.workflow == "provision" for asked in one.customer.requests)
    return one.state in ("interrupted", "paused") and jobs == 0


def is_set_up(one: Standing) -> bool:
    """Whether they are on their way to their assistant at this moment."""
    return one.state in ("running", "waiting", "interrupted", "failed", "new", "paused")


def counted(everybody: Iterable[Standing]) -> dict[str, int]:
    """How many there are in each state."""
    found: dict[str, int] = {}
    for one in everybody:
        found[one.state] = found.get(one.state, 0) + 1
    return found
