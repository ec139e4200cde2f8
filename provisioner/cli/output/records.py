"""Customers: the list, one record, one history. Secrets are hidden unless asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from provisioner.cli.output.durations import age
from provisioner.cli.output.redaction import known_redactor
from provisioner.cli.output.result import Block, Entry, Fields, Message, Result, Table, Wrapped
from provisioner.cli.output.terminal import styled
from provisioner.customers.done import STEPS, steps_done, waits_for
from provisioner.customers.lifecycle import has_left
from provisioner.customers.pausing import is_paused
from provisioner.customers.unpaid import is_unpaid
from provisioner.runs.status import has_begun, is_under_way, statuses_of
from provisioner.secrets import Redactor, mask_record, secrets_in
from provisioner.timestamps import hours_since

if TYPE_CHECKING:
    from provisioner.customers.checkup import Checkup
    from provisioner.customers.record import Record
    from provisioner.customers.store import AnyListing
    from provisioner.customers.view import AnyCustomer
    from provisioner.customers.wanted import Wanted
    from provisioner.workspace import Workspace

_STATUS_STYLES = {
    "active": "green",
    "in_progress": "yellow",
    "pending_setup": "cyan",
    "broken": "red",
    "cancelled": "dim",
    "handed_over": "dim",
}
_HEADER = ("SETUP", "ADDRESS", "STATUS", "SIGNED UP", "VERSION", "WAITS FOR")


@dataclass(frozen=True)
class CustomerList(Result):
    """The customers as rows of the table, or as parts of the JSON document: never both, as there are many."""

    rows: Sequence[tuple[str, ...]] = ()
    documents: Sequence[dict[str, Any]] = ()
    kind = "customers"

    def blocks(self) -> Iterator[Block]:
        yield Table(_HEADER, self.rows, _STATUS_STYLES) if self.rows else Message("No customers.")

    def document(self) -> dict[str, object]:
        return {"customers": self.documents}


def customer_list(
    workspace: "Workspace", status: str | None, *, archived: bool = False, as_json: bool
) -> CustomerList:
    """The customers with this status, or all; a broken file is always among them."""
    # One customer at a time: keeping all of them costs more than reading them.
    chosen = (
        listing
        for listing in workspace.store().views(archived=archived)
        if listing.customer is None or status is None or listing.customer.status == status
    )
    under_way: dict[int, AnyCustomer] = {}
    entries: list[Any] = []
    for listing in chosen:
        customer = listing.customer
        if customer is None:
            entries.append(_broken_document(listing) if as_json else _broken_row(listing))
            continue
        done = steps_done(customer)
        if not archived and is_under_way(customer, done):
            under_way[len(entries)] = customer
        entries.append(_document(customer, done) if as_json else _row(customer, done))
    # What only locks and run logs tell is looked at for these few, at the end.
    for number, now in zip(under_way, statuses_of(workspace, list(under_way.values())), strict=True):
        entries[number] = (_stated if as_json else _row_with_state)(entries[number], now.state)
    return CustomerList(documents=entries) if as_json else CustomerList(rows=entries)


@dataclass(frozen=True)
class CustomerResult(Result):
    """One whole record, with every key that its file has, and what the customer is to have, if anything."""

    record: "Record"
    archived: bool
    reveal: bool
    wanted: "Wanted | None" = None
    kind = "customer"

    def blocks(self) -> Iterator[Block]:
        customer = self.record.customer
        waits = waits_for(customer)
        place = " (archived)" if self.archived else ""
        yield styled(f"{customer.email}{place}", "bold")
        yield Wrapped("", f"setup {_far(customer)}" + (f", waits for {waits}" if waits else ""), 0)
        if self.wanted is not None:
            yield Wrapped("", f"to have: {self.wanted}", 0)
        yield ""
        yield Fields(self._data)

    def document(self) -> dict[str, object]:
        wanted = {"wanted": self.wanted.document()} if self.wanted is not None else {}
        return {"archived": self.archived, "customer": self._data, **wanted}

    @property
    def _data(self) -> dict[str, Any]:
        return dict(self.record.data) if self.reveal else without_secrets(self.record)


@dataclass(frozen=True)
class TimelineResult(Result):
    """One customer's events, the oldest first."""

    record: "Record"
    kind = "timeline"

    def blocks(self) -> Iterator[Block]:
        return map(Entry, self._events)

    def document(self) -> dict[str, object]:
        customer = self.record.customer
        return {"id": customer.id, "email": customer.email, "timeline": self._events}

    @property
    def _events(self) -> list[Any]:
        return without_secrets(self.record).get("timeline") or []


@dataclass(frozen=True)
class CheckResult(Result):
    """What is wrong with the files, and what was done about it; exit code 1 if anything still is."""

    checkup: "Checkup"
    kind = "check"

    @property
    def exit_code(self) -> int:
        return 0 if self.checkup.healthy else 1

    def blocks(self) -> Iterator[Block]:
        findings, files = self.checkup.findings, self.checkup.files
        for finding in findings:
            mark = styled("✓", "green") if finding.fixed else styled("✗", "red")
            yield mark + f" {finding.file}"
            yield Wrapped("  ", finding.problem, 2)
            if finding.fixed:
                yield Wrapped("  ", finding.fixed, 2)
        wrong = sum(1 for finding in findings if not finding.fixed)
        mended = len(findings) - wrong
        summary = f"{files} {'file' if files == 1 else 'files'}, {wrong or 'nothing'} wrong"
        yield Message(summary + (f", {mended} mended" if mended else ""))

    def document(self) -> dict[str, object]:
        found = [asdict(finding) for finding in self.checkup.findings]
        return {"healthy": self.checkup.healthy, "files": self.checkup.files, "findings": found}


def without_secrets(record: "Record") -> dict[str, Any]:
    """The document with secret fields hidden, and their values cut from all other texts in it.

    The owner's script wrote every value that it changed into the timeline, tokens too.
    """
    redact = known_redactor(records=False)
    redact.learn(*secrets_in(record.data))
    return {key: _redacted(value, redact) for key, value in mask_record(record.data).items()}


def _redacted(value: Any, redact: Redactor) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(inner, redact) for key, inner in value.items()}
    if isinstance(value, list):
        return [_redacted(inner, redact) for inner in value]
    return value


def _broken_row(listing: "AnyListing") -> tuple[str, ...]:
    return "", listing.name, "broken", "", "", str(listing.broken and listing.broken.cause)


def _row(customer: "AnyCustomer", done: tuple[str, ...]) -> tuple[str, ...]:
    return (
        f"{len(done)}/{len(STEPS)}",
        customer.email,
        customer.status,
        (customer.signup_date or "")[:10],
        customer.setup.moltbot.version or "",
        waits_for(customer, done) + _how_long(customer),
    )


def _row_with_state(row: tuple[str, ...], state: str) -> tuple[str, ...]:
    """The last cell, with the state if it is not a person's turn."""
    return row if state in ("waiting", "paused", "suspended") else (*row[:-1], f"{row[-1]}: {state}")


def _plain_state(customer: "AnyCustomer", done: tuple[str, ...]) -> str | None:
    """As far as the record alone tells; `status` knows more."""
    if has_left(customer.status):
        return None
    if is_paused(customer):
        return "suspended"
    if len(done) == len(STEPS):
        return "unpaid" if is_unpaid(customer) else "done"
    return None if has_begun(customer, done) else "new"


def _stated(document: dict[str, Any], state: str) -> dict[str, Any]:
    return document | {"state": state}


def _how_long(customer: "AnyCustomer") -> str:
    """How long a person has been waited for."""
    waiting = customer.setup.waiting
    if waiting is None or not waiting.since or not waits_for(customer):
        return ""
    return f", for {age(hours_since(waiting.since) * 3600)}"


def _far(customer: "AnyCustomer") -> str:
    return f"{len(steps_done(customer))}/{len(STEPS)}"


def _broken_document(listing: "AnyListing") -> dict[str, Any]:
    return {"file": listing.name, "broken": str(listing.broken and listing.broken.cause)}


def _document(customer: "AnyCustomer", done: tuple[str, ...]) -> dict[str, Any]:
    waiting = customer.setup.waiting
    return {
        "id": customer.id,
        "email": customer.email,
        "name": customer.name,
        "status": customer.status,
        "signupDate": customer.signup_date,
        "setup": {"status": customer.setup.status, "done": list(done)},
        "version": customer.setup.moltbot.version,
        "state": _plain_state(customer, done),
        "waitsFor": waits_for(customer, done) or None,
        "waitingSince": waiting.since if waiting and len(done) < len(STEPS) else None,
    }
