"""Where each customer's setup stands now: from run locks, records and run logs, never from a stored word."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from provisioner.customers.done import STEPS, steps_done
from provisioner.customers.lifecycle import has_left
from provisioner.customers.unpaid import is_unpaid
from provisioner.printable import command
from provisioner.runs.log import last_progress
from provisioner.timestamps import moment, present

if TYPE_CHECKING:
    from provisioner.customers.store import AnyListing, Holder
    from provisioner.customers.view import AnyCustomer, AnyPause
    from provisioner.workspace import Workspace

State = Literal["running", "interrupted", "failed", "waiting", "paused", "new", "suspended", "unpaid", "done"]
_COMPLETE = ("suspended", "unpaid", "done")
"""The setup has ended with these."""

_STATE_AFTER: Mapping[str, State] = {"failed": "failed", "done": "paused"}


@dataclass(frozen=True)
class CustomerStatus:
    """Where the setup of one customer stands; `since` is a moment, and `command` goes on from here.

    running: a live process works on it. interrupted: it was begun, and nobody works on it. failed: the same,
    and its last run ended with an error. waiting: for a person. paused: its last run was to go no further.
    new: not begun. done: complete. unpaid: complete, and a payment has failed. suspended: the assistant is
    paused.
    """

    customer: "AnyCustomer"
    state: State
    step: str
    since: str | None = None
    text: str = ""
    holder: "Holder | None" = None
    failures: int = 0
    """How often the worker has failed in a row; it tries again at `not_before`."""
    not_before: str | None = None

    @property
    def command(self) -> str | None:
        if self.state == "suspended":
            return command("pause", self.customer.email, options="--undo")
        if self.state in ("running", *_COMPLETE):
            return None
        return command("provision", self.customer.email)

    def age(self, now: datetime | None = None) -> float | None:
        """Seconds since `since`; None where that means no moment."""
        began = moment(self.since) if self.since else None
        return None if began is None else max(0.0, ((now or present()) - began).total_seconds())


def statuses(
    workspace: "Workspace",
    listings: "Iterable[AnyListing]",
    unreadable: "Callable[[AnyListing], None]" = lambda _: None,
) -> Iterator[CustomerStatus]:
    """Of each of these who has not gone; `unreadable` is told each file that says nothing of one."""
    customers: list[AnyCustomer] = []
    for listing in listings:
        if listing.customer is None:
            unreadable(listing)
        elif not has_left(listing.customer.status):
            customers.append(listing.customer)
    return statuses_of(workspace, customers)


def statuses_of(workspace: "Workspace", customers: "Sequence[AnyCustomer]") -> Iterator[CustomerStatus]:
    """Of each of these, whose records were read a moment ago; no file of anybody else is looked at."""
    store = workspace.store()
    known = [(customer, steps_done(customer)) for customer in customers]
    begun = {customer.id: customer.email for customer, done in known if is_under_way(customer, done)}
    last = last_progress(workspace.runs_dir, begun)
    for customer, done in known:
        holder = None if len(done) == len(STEPS) else store.holder_by_id(customer.id)
        yield _status_of(customer, done, holder, last)


def is_under_way(customer: "AnyCustomer", done: tuple[str, ...]) -> bool:
    """Whether the setup was begun and is not complete: only then the record alone does not tell all.

    `done` are the `steps_done`.
    """
    return len(done) < len(STEPS) and not has_left(customer.status) and has_begun(customer, done)


def unfinished(found: Iterable[CustomerStatus]) -> list[str]:
    """The addresses of those whose setup is not complete."""
    return [status.customer.email for status in found if status.state not in _COMPLETE]


def resumable(found: Iterable[CustomerStatus]) -> list[str]:
    """The addresses of those who were begun and on whom nobody works."""
    states = ("interrupted", "failed", "waiting", "paused")
    return [status.customer.email for status in found if status.state in states]


def _status_of(
    customer: "AnyCustomer",
    done: tuple[str, ...],
    holder: "Holder | None",
    last: Mapping[str, Mapping[str, Any]],
) -> CustomerStatus:
    step = next((name for name in STEPS if name not in done), STEPS[-1])
    said = last.get(customer.id, {})
    if holder is not None:
        return CustomerStatus(customer, "running", step, holder.since, said.get("text", ""), holder)
    if customer.setup.pause is not None:
        return _suspended(customer, customer.setup.pause, step)
    if len(done) == len(STEPS):
        unpaid = is_unpaid(customer)
        text = f"Stripe says that the payment is {customer.subscription.status}" if unpaid else ""
        return CustomerStatus(customer, "unpaid" if unpaid else "done", step, text=text)
    retry = customer.retry
    if retry is not None and retry.workflow == "provision":
        since, text = said.get("timestamp"), said.get("text") or retry.error or ""
        return CustomerStatus(
            customer, "failed", step, since, text, failures=retry.failures, not_before=retry.not_before
        )
    waiting = customer.setup.waiting
    if waiting is not None and said.get("kind") in (None, "waiting"):
        return CustomerStatus(customer, "waiting", step, waiting.since, str(waiting))
    if not has_begun(customer, done):
        return CustomerStatus(customer, "new", step, customer.signup_date)
    state = _STATE_AFTER.get(said.get("kind", ""), "interrupted")
    return CustomerStatus(
        customer, state, said.get("step", step), said.get("timestamp"), said.get("text", "")
    )


def _suspended(customer: "AnyCustomer", pause: "AnyPause", step: str) -> CustomerStatus:
    """Of who is paused; what has failed about it, the worker has noted."""
    text = "until they have paid" if pause.until_paid else "until it is undone"
    retry = customer.retry
    if retry is None or retry.workflow != "pause":
        return CustomerStatus(customer, "suspended", step, pause.paused_at or pause.requested_at, text)
    return CustomerStatus(
        customer,
        "suspended",
        step,
        pause.requested_at,
        f"{text}; {retry.error}" if retry.error else text,
        failures=retry.failures,
        not_before=retry.not_before,
    )


def has_begun(customer: "AnyCustomer", done: tuple[str, ...]) -> bool:
    """Whether anything was done for the customer, by a run or by hand; `done` are the `steps_done`."""
    return customer.setup.status != "pending" or bool(done)
