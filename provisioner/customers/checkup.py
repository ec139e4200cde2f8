"""What can be seen to be wrong with records, and with one record by itself."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provisioner import timestamps
from provisioner.customers.done import STEPS, steps_done
from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import CLOCK_SET_BACK, Customer, Record
from provisioner.customers.schema import HISTORY
from provisioner.printable import command

_MISSING_DAYS = frozenset({b"-02-29", b"-02-30", b"-02-31", b"-04-31", b"-06-31", b"-09-31", b"-11-31"})
"""The days that some year has not, or none has."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with one record; `file` is what its store calls it, `fixed` what was done about it.

    `kind` is broken, name, duplicate, status, history, date, permissions or leftover.
    """

    file: str
    kind: str
    problem: str
    fixed: str | None = None


@dataclass(frozen=True)
class Checkup:
    """What was found in how many records."""

    files: int
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(finding.fixed for finding in self.findings)


def problems_in(record: Record, raw: bytes) -> Iterator[tuple[str, str]]:
    """What is wrong with a record that can be read, whose text is `raw`: the kind of finding, the problem."""
    customer = record.customer
    yield from (("status", problem) for problem in contradictions(customer))
    yield from (("history", problem) for problem in _steps_back(customer))
    # Hardly a record has one, and there may be thousands.
    if _may_have_a_missing_day(raw):
        yield from (("date", problem) for problem in _days_of_no_calendar(customer, record.data))


def contradictions(customer: Customer) -> Iterator[str]:
    """Where a customer's status, setup and timeline do not agree."""
    setup = customer.setup.status
    done = steps_done(customer)
    missing = [step for step in STEPS if step not in done]
    events = {event.event for event in customer.timeline}
    if setup == "complete" and missing:
        yield f"setup.status is complete, but not done: {', '.join(missing)}"
    if setup == "pending" and len(missing) < len(STEPS):
        yield f"setup.status is pending, but done: {', '.join(done)}"
    if (
        customer.status in ("active", "handed_over")
        and setup != "complete"
        and not _gets_another_server(customer)
    ):
        yield f"status is {customer.status}, but setup.status is {setup}"
    if customer.status == "pending_setup" and setup != "pending":
        yield f"status is pending_setup, but setup.status is {setup}"
    if customer.status == "in_progress" and setup == "complete":
        yield "status is in_progress, but setup.status is complete"
    if customer.status in ("pending_setup", "in_progress") and "onboarding_complete" in events:
        yield f"status is {customer.status}, but the timeline has onboarding_complete"
    if not has_left(customer.status) and "handover_complete" in events:
        yield f"status is {customer.status}, but the timeline has handover_complete"


def _gets_another_server(customer: Customer) -> bool:
    """Whether an active customer's setup goes on although it was complete before: their server was lost."""
    setup = customer.setup
    was_complete = setup.handoff.completed_at is not None
    return customer.status == "active" and setup.status == "in_progress" and was_complete


def _steps_back(customer: Customer) -> Iterator[str]:
    histories = {
        "notes": [note.timestamp for note in customer.notes],
        "timeline": [event.timestamp for event in customer.timeline],
    }
    for name, moments in histories.items():
        ordered = [timestamps.order(moment) for moment in moments]
        if ordered == sorted(ordered):
            continue
        corrected = [event.timestamp for event in customer.timeline if event.event == CLOCK_SET_BACK]
        for earlier, later in itertools.pairwise(ordered):
            explained = any(timestamps.order(moment) <= later for moment in corrected)
            if later < earlier and not explained:
                yield f"{name} goes back in time, from {earlier}Z to {later}Z"


def _days_of_no_calendar(customer: Customer, data: Mapping[str, Any]) -> Iterator[str]:
    """Times such as 2026-02-29T…, wherever they stand; they are read as so many days after the first."""
    for path, text in _texts_in(data):
        if not re.fullmatch(timestamps.PATTERN, text) or timestamps.exists(text):
            continue
        found = timestamps.moment(text)
        read = f"; it is read as {found:%Y-%m-%d}" if found else ""
        history = path.split(".", 1)[0] in HISTORY
        hint = "correct it in the file" if history else command("update", customer.email, path, "TIME")
        yield f"{path} is {text}, a day that no calendar has{read}: {hint}"


def _may_have_a_missing_day(raw: bytes) -> bool:
    """Whether any text inside could be a time on a day that no calendar has; an escape could be anything."""
    days = [before[-6:] for before in raw.split(b"T")]
    return not _MISSING_DAYS.isdisjoint(days) or b'"0000-' in raw or b"\\u" in raw


def _texts_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    for key, one in inner:
        yield from _texts_in(one, f"{path}.{key}" if path else str(key))
