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
        self.unsure = 0
        """How often the records should have been compared with Stripe."""

    def receive(self, *documents: Document) -> list[bool]:
        return [self.inbox.receive(envelope_of(one), one) for one in documents]

    def apply(self, *, kept_too: bool = False, **options: Any) -> Applied:
        told = {"tell": self._tell, "unsure": self._be_unsure, **options}
        applier = Applier(self.store, self.inbox, self.policy, **told)
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

    def _be_unsure(self) -> None:
        self.unsure += 1

    def _tell(self, key: str, whom: str | None, what: str) -> None:
        self.told[key] = (whom, what)


def comparable_records(customers: Path) -> dict[str, Document]:
    """By address, each whole but for its id and for when something was written.

    A timeline tells in which order we have learnt things, and is never changed: in disorder that order is
    another one. So its entries are compared without it; and that their moments never go back.
    """
    files = sorted(path for path in customers.glob("a*/*.json"))
    return {document["email"]: document for document in map(_comparable, files)}


def _comparable(path: Path) -> Document:
    document: Document = json.loads(path.read_text())
    document["id"] = "cust_"
    moments = [entry["timestamp"] for entry in document["timeline"]]
    assert moments == sorted(moments), path.name
    for entry in document["timeline"]:
        entry["timestamp"] = ""
    document["timeline"].sort(key=json.dumps)
    return document
