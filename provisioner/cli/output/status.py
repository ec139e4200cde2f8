"""Where every setup stands, as `status` shows it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from provisioner.cli.output.durations import age
from provisioner.cli.output.job_results import unreadable
from provisioner.cli.output.result import Block, Result, Table
from provisioner.customers.store import AnyListing
from provisioner.printable import command
from provisioner.runs.status import CustomerStatus

_STYLES = {
    "running": "green",
    "interrupted": "red",
    "failed": "red",
    "waiting": "yellow",
    "paused": "yellow",
    "new": "cyan",
    "suspended": "yellow",
    "unpaid": "yellow",
    "done": "dim",
    "broken": "red",
}
_HEADER = ("STATE", "ADDRESS", "STEP", "FOR", "WHAT")
ORDER = tuple(state for state in _STYLES if state != "broken")


@dataclass(frozen=True)
class StatusResult(Result):
    """Every customer's status, in the order of `ORDER`, and the files that cannot be read."""

    found: tuple[CustomerStatus, ...]
    broken: tuple[AnyListing, ...]
    kind = "status"

    def blocks(self) -> Iterator[Block]:
        rows = [_row(one) for one in self._unfinished] + [_broken_row(one) for one in self.broken]
        if rows:
            yield Table(_HEADER, rows, _STYLES)
        counts = self._counts
        numbers = [f"{counts[state]} {state}" for state in ORDER if counts[state]]
        numbers += [f"{len(self.broken)} cannot be read"] * bool(self.broken)
        yield ", ".join(numbers) or "No customers."
        if self.broken:
            yield f"what is wrong with what cannot be read: {command('check')}"
        if sum(one.state in ("interrupted", "failed", "paused") for one in self._unfinished) > 1:
            yield f"to go on with all that were begun: {command('resume')}"

    def document(self) -> dict[str, object]:
        counts = self._counts
        return {
            "counts": {state: counts[state] for state in ORDER},
            "customers": [_document(one) for one in self._unfinished],
            "unreadable": list(map(unreadable, self.broken)),
        }

    @property
    def _unfinished(self) -> list[CustomerStatus]:
        return [one for one in self.found if one.state != "done"]

    @property
    def _counts(self) -> Counter[str]:
        return Counter[str](one.state for one in self.found)


def _row(one: CustomerStatus) -> tuple[str, ...]:
    return one.state, one.customer.email, one.step, _lasting(one), _what(one)


def _broken_row(listing: AnyListing) -> tuple[str, ...]:
    return "broken", listing.name, "", "", str(listing.broken and listing.broken.cause)


def _what(one: CustomerStatus) -> str:
    if one.holder is not None:
        here = one.holder.who
        return f"{one.text} ({here})" if one.text else here
    words = [one.text] if one.text else []
    if one.not_before:
        times = "once" if one.failures == 1 else f"{one.failures} times"
        words.append(f"failed {times}, the worker tries again at {one.not_before}")
    if one.command and one.state != "waiting":
        words.append(f"to go on: {one.command}")
    return "; ".join(words)


def _lasting(one: CustomerStatus) -> str:
    seconds = one.age()
    return "" if seconds is None else age(seconds)


def _document(one: CustomerStatus) -> dict[str, Any]:
    seconds, holder = one.age(), one.holder
    return {
        "id": one.customer.id,
        "email": one.customer.email,
        "state": one.state,
        "step": one.step,
        "since": one.since,
        "ageSeconds": None if seconds is None else round(seconds),
        "text": one.text or None,
        "holder": {**holder.about, "since": holder.since} if holder else None,
        "failures": one.failures,
        "notBefore": one.not_before,
        "command": one.command,
    }
