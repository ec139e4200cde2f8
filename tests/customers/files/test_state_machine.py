"""Any order of commands, against a model of what they should have done."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from provisioner.customers.changes import change_field
from provisioner.customers.files.file_store import FileStore
from provisioner.customers.lifecycle import MOVES, STATUSES
from provisioner.customers.new import SignUp, new_record
from provisioner.errors import InputError, ProvisionerError, UnknownCustomer
from tests.customers.examples import from_old_script, write_old
from tests.customers.files.faults import FaultyFiles

# Two pairs meet in one name, one of them in three.
EMAILS = ("a+b@example.com", "a_b@example.com", "A.c@example.com", "a&b@example.com", "z@example.com")
WORDS = st.text(max_size=30)


class Commands(RuleBasedStateMachine):
    """The model has for each address its status, notes, events, a field, and whether it is archived."""

    spelled = Bundle("spelled")

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp())
        self.model: dict[str, dict[str, Any]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.base)

    @property
    def store(self) -> FileStore:
        """A fresh one each time, as each command is a process of its own."""
        return FileStore(self.base / "customers", self.base / "locks", wait_seconds=1)

    @initialize(data=st.booleans())
    def begin(self, data: bool) -> None:
        if data:
            old = from_old_script("z@example.com")
            write_old(self.base / "customers" / "active", old)
            events = [event["event"] for event in old["timeline"]]
            self.model["z@example.com"] = _entry("in_progress", events)

    @rule(target=spelled, email=st.sampled_from(EMAILS), upper=st.booleans())
    def spell(self, email: str, upper: bool) -> str:
        return email.upper() if upper else email

    @rule(who=spelled)
    def add(self, who: str) -> None:
        known = who.lower() in self.model
        try:
            self.store.add(new_record(SignUp(who, "sub_1")))
        except InputError:
            assert known
        else:
            assert not known
            self.model[who.lower()] = _entry("pending_setup", ["subscription_created"])

    @rule(who=spelled, text=WORDS)
    def note(self, who: str, text: str) -> None:
        def change() -> None:
            with self.store.edit(who) as record:
                record.add_note(text)

        if self._succeeds(who, change):
            self.model[who.lower()]["notes"].append(text)
            self.model[who.lower()]["events"].append("note_added")

    @rule(who=spelled, text=WORDS)
    def event(self, who: str, text: str) -> None:
        def change() -> None:
            with self.store.edit(who) as record:
                record.add_event(text, "details")

        if self._succeeds(who, change):
            self.model[who.lower()]["events"].append(text)

    @rule(who=spelled, status=st.sampled_from(STATUSES), force=st.booleans())
    def move(self, who: str, status: str, force: bool) -> None:
        entry = self.model.get(who.lower())
        legal = entry is not None and (force or status == entry["status"] or status in MOVES[entry["status"]])
        try:
            with self.store.edit(who) as record:
                change_field(record, "status", status, force=force)
        except InputError:
            assert not legal
            return
        assert legal
        assert entry is not None
        entry["status"] = status
        entry["events"].append("field_updated")

    @rule(who=spelled, value=st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9))
    def update(self, who: str, value: str) -> None:
        def change() -> None:
            with self.store.edit(who) as record:
                change_field(record, "metadata.referrer", value)

        if self._succeeds(who, change):
            self.model[who.lower()]["referrer"] = None if value == "null" else value
            self.model[who.lower()]["events"].append("field_updated")

    @rule(who=spelled, archived=st.booleans())
    def put_away(self, who: str, archived: bool) -> None:
        move = self.store.archive if archived else self.store.restore
        if self._succeeds(who, lambda: move(who)):
            self.model[who.lower()]["archived"] = archived

    @rule(who=spelled, at=st.integers(1, 20))
    def fail(self, who: str, at: int) -> None:
        """A note whose n-th effect fails: it is there or it is not, and nothing else has changed."""
        faulty = FaultyFiles(at)
        try:
            with FileStore(self.base / "customers", self.base / "locks", files=faulty).edit(who) as record:
                record.add_note("perhaps")
        except ProvisionerError:
            assert faulty.failed or who.lower() not in self.model
        if who.lower() not in self.model:
            return
        notes = self.store.read(who).customer.notes
        if len(notes) > len(self.model[who.lower()]["notes"]):
            self.model[who.lower()]["notes"].append("perhaps")
            self.model[who.lower()]["events"].append("note_added")

    @rule()
    def check(self) -> None:
        findings = self.store.check(fix=True).findings
        assert {finding.kind for finding in findings} <= {"permissions", "status"}

    def _succeeds(self, who: str, change: Any) -> bool:
        try:
            change()
        except UnknownCustomer:
            assert who.lower() not in self.model
            return False
        assert who.lower() in self.model
        return True

    @invariant()
    def the_folders_hold_what_the_model_holds(self) -> None:
        found: dict[str, dict[str, Any]] = {}
        for archived in (False, True):
            for listing in self.store.all(archived=archived):
                assert listing.customer is not None
                customer = listing.customer
                found[customer.email.lower()] = {
                    "status": customer.status,
                    "notes": [note.note for note in customer.notes],
                    "events": [event.event for event in customer.timeline],
                    "referrer": customer.metadata.referrer,
                    "archived": archived,
                }
                moments = [event.timestamp for event in customer.timeline]
                assert moments == sorted(moments)
        assert found == self.model


def _entry(status: str, events: list[str]) -> dict[str, Any]:
    return {
        "status": status,
        "notes": [],
        "events": events,
        "referrer": None,
        "archived": False,
    }


TestCommands = Commands.TestCase
TestCommands.settings = settings(max_examples=200, stateful_step_count=25)
