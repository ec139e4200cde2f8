"""Where each customer's setup stands now: from run locks, records and run logs, never from a stored word."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from provisioner.commands import command
from provisioner.customers.locks import Holder
from provisioner.customers.progress import STEPS, steps_done
from provisioner.customers.record import Customer
from provisioner.run_logs import last_progress
from provisioner.timestamps import present
from provisioner.workspace import Workspace

State = Literal["running", "interrupted", "failed", "waiting", "paused", "new", "done"]

_GONE = ("cancelled", "handed_over")
_ENDINGS: Mapping[str, State] = {"failed": "failed", "done": "paused"}


@dataclass(frozen=True)
class Standing:
    """One customer's; `since` is a moment, `text` says more, `command` is what goes on from here.

    running: a live process works on it. interrupted: it was begun, and nobody works on it. failed: the same,
    and its last run ended with an error. waiting: for a person. paused: its last run was to go no further.
    new: not begun. done: complete.
    """

    customer: Customer
    state: State
    step: str
    since: str | None = None
    text: str = ""
    holder: Holder | None = None

    @property
    def command(self) -> str | None:
        if self.state in ("running", "done"):
            return None
        return command("provision", self.customer.email)

    def age(self, now: datetime | None = None) -> float | None:
        """Seconds since `since`."""
        if self.since is None:
            return None
        began = datetime.fromisoformat(self.since)
        return max(0.0, ((now or present()) - began).total_seconds())


def standings(workspace: Workspace) -> Iterator[Standing]:
    """Of every customer who has not gone; records that cannot be read are left to `check`."""
    store = workspace.store()
    customers = [listing.customer for listing in store.all() if listing.customer is not None]
    present = [customer for customer in customers if customer.status not in _GONE]
    begun = [customer.email for customer in present if _begun(customer) and not _complete(customer)]
    last = last_progress(workspace.runs_dir, set(begun))
    for customer in present:
        holder = None if _complete(customer) else store.holder(customer.id)
        yield _standing(customer, holder, last)


def unfinished(found: Iterable[Standing]) -> list[str]:
    """The addresses of those whose setup is not complete."""
    return [standing.customer.email for standing in found if standing.state != "done"]


def resumable(found: Iterable[Standing]) -> list[str]:
    """The addresses of those who were begun and on whom nobody works."""
    states = ("interrupted", "failed", "waiting", "paused")
    return [standing.customer.email for standing in found if standing.state in states]


def _standing(customer: Customer, holder: Holder | None, last: Mapping[str, Mapping[str, Any]]) -> Standing:
    done = steps_done(customer)
    step = next((name for name in STEPS if name not in done), STEPS[-1])
    said = last.get(customer.email, {})
    if _complete(customer):
        return Standing(customer, "done", step)
    if holder is not None:
        return Standing(customer, "running", step, holder.since, said.get("text", ""), holder)
    waiting = customer.setup.waiting
    if waiting is not None and said.get("kind") in (None, "waiting"):
        text = f"{waiting.of} {waiting.for_}" if waiting.of else waiting.for_
        return Standing(customer, "waiting", step, waiting.since, text)
    if not _begun(customer):
        return Standing(customer, "new", step, customer.signup_date)
    state = _ENDINGS.get(said.get("kind", ""), "interrupted")
    return Standing(customer, state, said.get("step", step), said.get("timestamp"), said.get("text", ""))


def _begun(customer: Customer) -> bool:
    return customer.setup.status == "in_progress" or bool(steps_done(customer))


def _complete(customer: Customer) -> bool:
    return customer.setup.status == "complete"
