"""What has come from Stripe, and what was found when the records were compared with it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from provisioner.cli.output.result import Block, Failure, Message, Result, Table
from provisioner.payments.inbox import Received
from provisioner.payments.sync import Synced
from provisioner.timestamps import from_epoch

_STYLES = {"applied": "green", "nothing": "dim", "kept": "yellow", "pending": "cyan", "strange": "red"}
_EVENT_HEADER = ("HAPPENED", "DID", "TYPE", "CUSTOMER", "WHAT", "EVENT")
_FINDING_HEADER = ("SUBSCRIPTION", "CUSTOMER", "WHAT")


@dataclass(frozen=True)
class EventsResult(Result):
    """Events, the oldest first, and how many there are in all."""

    events: tuple[Received, ...]
    total: int
    kind = "stripe-events"

    def blocks(self) -> Iterator[Block]:
        if self.events:
            yield Table(_EVENT_HEADER, [_row(one) for one in self.events], _STYLES)
        counts = Counter(map(_did, self.events))
        numbers = [f"{counts[did]} {did}" for did in _STYLES if counts[did]]
        yield ", ".join(numbers) or "No events."
        if self.total > len(self.events):
            yield f"the last {len(self.events)} of {self.total}; --all shows the others"

    def document(self) -> dict[str, object]:
        return {"total": self.total, "events": [_document(one) for one in self.events]}


@dataclass(frozen=True)
class SyncResult(Result):
    """What a comparison has found."""

    synced: Synced
    kind = "stripe-sync"

    @property
    def exit_code(self) -> int:
        return 1 if self.synced.findings or self.synced.problems else 0

    def blocks(self) -> Iterator[Block]:
        synced = self.synced
        for email, text in synced.changed:
            yield Message(f"{email}: {text}")
        if synced.findings:
            rows = [(one.subscription, one.email or "", one.text) for one in synced.findings]
            yield Table(_FINDING_HEADER, rows, {})
            yield from (one.command for one in synced.findings if one.command)
        yield from map(Failure, synced.problems)
        yield f"{synced.missed} events were missed, {len(synced.changed)} records were behind"

    def document(self) -> dict[str, object]:
        synced = self.synced
        return {
            "missedEvents": synced.missed,
            "changed": [{"email": email, "text": text} for email, text in synced.changed],
            "findings": [asdict(one) for one in synced.findings],
            "problems": [one.summary for one in synced.problems],
        }


def _did(one: Received) -> str:
    return one.outcome.did if one.outcome else "pending"


def _row(one: Received) -> tuple[str, ...]:
    outcome = one.outcome
    email, text = (outcome.email or "", outcome.text) if outcome else ("", "")
    return from_epoch(one.age[0]), _did(one), str(one.document.get("type")), email, text, one.id


def _document(one: Received) -> dict[str, object]:
    outcome = one.outcome
    return {
        "id": one.id,
        "type": one.document.get("type"),
        "created": from_epoch(one.age[0]),
        "received": one.received,
        "livemode": one.document.get("livemode"),
        "did": _did(one),
        "text": outcome.text if outcome else None,
        "handled": outcome.at if outcome else None,
        "customer": {"id": outcome.customer, "email": outcome.email}
        if outcome and outcome.customer
        else None,
    }
