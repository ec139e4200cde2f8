"""Records as they are compared with one another: whole, times of this machine and random ids aside."""

import json
from pathlib import Path
from typing import Any

from provisioner.customers.files.file_store import FileStore
from provisioner.payments.apply import Applied, Applier
from provisioner.payments.decide import Policy
from provisioner.payments.events import envelope_of
from provisioner.payments.inbox import Inbox

Document = dict[str, Any]


class Place:
    """A workspace's records and inbox in a folder, without anything else of it."""

    def __init__(self, folder: Path, policy: Policy | None = None) -> None:
        self.folder = folder
        self.policy = policy or Policy()
        self.store = FileStore(folder / "customers", folder / "locks")
        self.inbox = Inbox(folder / "events")
        self._begun_anew = True
        self.told: dict[str, tuple[str | None, str]] = {}

    def receive(self, *documents: Document) -> list[bool]:
        return [self.inbox.receive(envelope_of(one), one) for one in documents]

    def apply(self, *, kept_too: bool = False, **options: Any) -> Applied:
        applier = Applier(self.store, self.inbox, self.policy, tell=self._tell, **options)
        applied = applier.apply_all(kept_too=kept_too or self._begun_anew)
        self._begun_anew = False
        assert [one.summary for one in applied.problems] == []
        return applied

    def take(self, *documents: Document) -> None:
        """Each comes and is dealt with before the next one does."""
        for one in documents:
            self.receive(one)
            self.apply()

    def records(self) -> dict[str, Document]:
        """As `comparable_records` has them."""
        return comparable_records(self.folder / "customers")

    def _tell(self, key: str, whom: str | None, what: str) -> None:
        self.told[key] = (whom, what)


def comparable_records(customers: Path) -> dict[str, Document]:
    """By address; the timeline is in the order of what it tells, not in that in which it came."""
    files = sorted(path for path in customers.glob("a*/*.json"))
    return {document["email"]: document for document in map(_comparable, files)}


def _comparable(path: Path) -> Document:
    document: Document = json.loads(path.read_text())
    document["id"] = "cust_"
    for entry in document["timeline"]:
        entry["timestamp"] = ""
    document["timeline"].sort(key=json.dumps)
    return document
