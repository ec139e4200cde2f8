"""How customers are shown: the list, one record, one history. Secrets are cut unless asked for."""

from dataclasses import asdict
from typing import Any

from provisioner.cli.output import render
from provisioner.cli.output.durations import age
from provisioner.cli.output.redaction import known_redactor
from provisioner.customers.checkup import Checkup
from provisioner.customers.lifecycle import is_gone
from provisioner.customers.progress import STEPS, is_complete, steps_done, waits_for
from provisioner.customers.record import Customer, Record
from provisioner.customers.store import Listing
from provisioner.runs.status import has_begun, is_under_way, standings_of
from provisioner.secrets import Redactor, mask_record, secrets_in
from provisioner.timestamps import hours_since
from provisioner.workspace import Workspace

_STATUS_STYLES = {
    "active": "green",
    "in_progress": "yellow",
    "pending_setup": "cyan",
    "broken": "red",
    "cancelled": "dim",
    "handed_over": "dim",
}
_HEADER = ("SETUP", "ADDRESS", "STATUS", "SIGNED UP", "WAITS FOR")


def print_listing(workspace: Workspace, status: str | None, *, archived: bool = False, as_json: bool) -> None:
    """The customers with this status, or all; a broken file is always among them."""
    # One customer at a time: keeping all of them costs more than reading them.
    chosen = (
        listing
        for listing in workspace.store().all(archived=archived)
        if listing.customer is None or status is None or listing.customer.status == status
    )
    under_way: dict[int, Customer] = {}
    entries: list[Any] = []
    for listing in chosen:
        if listing.customer is not None and not archived and is_under_way(listing.customer):
            under_way[len(entries)] = listing.customer
        entries.append(_listed(listing) if as_json else _row(listing))
    # What only locks and run logs tell is looked at for these few, at the end.
    for number, standing in zip(under_way, standings_of(workspace, list(under_way.values())), strict=True):
        entries[number] = (_stated if as_json else _row_with_state)(entries[number], standing.state)
    if as_json:
        render.print_json("customers", customers=entries)
    elif entries:
        render.print_table(_HEADER, entries, _STATUS_STYLES)
    else:
        render.say("No customers.")


def print_customer(record: Record, *, archived: bool, as_json: bool, reveal: bool) -> None:
    """One whole record, with every key that its file has."""
    data = record.data if reveal else without_secrets(record)
    if as_json:
        render.print_json("customer", archived=archived, customer=data)
        return
    customer = record.customer
    waits = waits_for(customer)
    place = " (archived)" if archived else ""
    render.print_line(render.styled(f"{customer.email}{place}", "bold"))
    render.print_wrapped("", f"setup {_far(customer)}" + (f", waits for {waits}" if waits else ""), 0)
    render.print_line()
    render.print_document(data)


def print_timeline(record: Record, *, as_json: bool) -> None:
    """One customer's events, the oldest first."""
    customer = record.customer
    events = without_secrets(record).get("timeline") or []
    if as_json:
        render.print_json("timeline", id=customer.id, email=customer.email, timeline=events)
        return
    for event in events:
        render.print_entry(event)


def print_checkup(checkup: Checkup, *, as_json: bool) -> None:
    """What was found, and what was done about it."""
    findings = checkup.findings
    if as_json:
        found = [asdict(finding) for finding in findings]
        render.print_json("check", healthy=checkup.healthy, files=checkup.files, findings=found)
        return
    for finding in findings:
        render.print_finding(finding.file, finding.problem, finding.fixed)
    wrong = sum(1 for finding in findings if not finding.fixed)
    mended = len(findings) - wrong
    summary = f"{checkup.files} {'file' if checkup.files == 1 else 'files'}, {wrong or 'nothing'} wrong" + (
        f", {mended} mended" if mended else ""
    )
    render.say(summary)


def without_secrets(record: Record) -> dict[str, Any]:
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


def _row(listing: Listing) -> tuple[str, ...]:
    customer = listing.customer
    if customer is None:
        return "", listing.name, "broken", "", str(listing.broken and listing.broken.cause)
    done = steps_done(customer)
    return (
        f"{len(done)}/{len(STEPS)}",
        customer.email,
        customer.status,
        (customer.signup_date or "")[:10],
        waits_for(customer, done) + _how_long(customer),
    )


def _row_with_state(row: tuple[str, ...], state: str) -> tuple[str, ...]:
    """The last cell, with why nobody goes on where that is no person's turn."""
    return row if state in ("waiting", "paused") else (*row[:-1], f"{row[-1]}: {state}")


def _plain_state(customer: Customer) -> str | None:
    """As far as the record alone tells it; `status` has more."""
    if is_gone(customer.status):
        return None
    if is_complete(customer):
        return "done"
    return None if has_begun(customer) else "new"


def _stated(document: dict[str, Any], state: str) -> dict[str, Any]:
    return document | {"state": state}


def _how_long(customer: Customer) -> str:
    """For how long a person has been waited for."""
    waiting = customer.setup.waiting
    if waiting is None or not waiting.since or not waits_for(customer):
        return ""
    return f", for {age(hours_since(waiting.since) * 3600)}"


def _far(customer: Customer) -> str:
    return f"{len(steps_done(customer))}/{len(STEPS)}"


def _listed(listing: Listing) -> dict[str, Any]:
    customer = listing.customer
    if customer is None:
        return {"file": listing.name, "broken": str(listing.broken and listing.broken.cause)}
    waiting = customer.setup.waiting
    return {
        "id": customer.id,
        "email": customer.email,
        "name": customer.name,
        "status": customer.status,
        "signupDate": customer.signup_date,
        "setup": {"status": customer.setup.status, "done": list(steps_done(customer))},
        "state": _plain_state(customer),
        "waitsFor": waits_for(customer) or None,
        "waitingSince": waiting.since if waiting and not is_complete(customer) else None,
    }
