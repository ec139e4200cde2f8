import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.checkup import problems_in
from provisioner.customers.done import steps_done, waits_for
from provisioner.customers.files.document import render
from provisioner.customers.files.file_store import FileStore
from provisioner.customers.record import Customer, Record
from provisioner.customers.store import Listing
from tests.customers.examples import documented, from_old_script, write_old


def write(folder: Path, data: dict[str, Any], name: str | None = None) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = write_old(folder, data, name)
    path.chmod(0o600)
    return path


def sound() -> dict[str, Any]:
    """The documented record, whose period ends on a day that its month has."""
    record = documented()
    record["subscription"]["currentPeriodEnd"] = "2026-02-28T05:54:00Z"
    return record


def kinds(store: FileStore) -> list[tuple[str, str]]:
    return [(finding.file, finding.kind) for finding in store.check().findings]


def changed(**values: Any) -> dict[str, Any]:
    record = Record(documented())
    record.update({path.replace("__", "."): value for path, value in values.items()})
    return dict(record.data)


def test_good_files_are_healthy(store: FileStore, active: Path, archive: Path) -> None:
    write(active, sound())
    write(active, from_old_script())
    write(archive, {**sound(), "id": "cust_2", "email": "b@example.com", "status": "cancelled"})
    checkup = store.check()
    assert checkup.findings == ()
    assert checkup.healthy
    assert checkup.files == 3


def test_a_broken_file_is_found_with_its_place(store: FileStore, active: Path) -> None:
    write(active, sound())
    bad = active / "bad_at_example.com.json"
    bad.write_text('{\n  "id": 1,,\n}')
    bad.chmod(0o600)
    wrong = active / "wrong_at_example.com.json"
    wrong.write_bytes(render({**sound(), "status": "sleeping"}))
    wrong.chmod(0o600)
    findings = {finding.file: finding for finding in store.check(fix=True).findings}
    assert "line 2, column 11" in findings["active/bad_at_example.com.json"].problem
    assert "status must be" in findings["active/wrong_at_example.com.json"].problem
    assert bad.read_text() == '{\n  "id": 1,,\n}'


def test_duplicates_are_found_wherever_they_are(store: FileStore, active: Path, archive: Path) -> None:
    write(active, sound())
    write(archive, sound())
    found = [finding for finding in store.check(fix=True).findings if finding.kind == "duplicate"]
    assert len(found) == 4
    assert {finding.file for finding in found} == {
        "active/customer_at_example.com.json",
        "archive/customer_at_example.com.json",
    }
    assert not store.check().healthy


def test_a_wrong_name_is_mended(store: FileStore, active: Path) -> None:
    path = write(active, sound(), "hand-made.json")
    before = path.read_bytes()
    assert kinds(store) == [("active/hand-made.json", "name")]
    checkup = store.check(fix=True)
    assert checkup.healthy
    assert checkup.findings[0].fixed == "renamed to customer_at_example.com.json"
    assert [(entry.name, entry.read_bytes()) for entry in active.iterdir()] == [
        ("customer_at_example.com.json", before)
    ]
    assert store.check().findings == ()


def test_a_wrong_name_never_takes_anothers_place(store: FileStore, active: Path) -> None:
    write(active, {**sound(), "email": "a+b@example.com"})
    write(active, {**sound(), "id": "cust_2", "email": "a_b@example.com"}, "zzz.json")
    assert store.check(fix=True).healthy
    assert store.read("a+b@example.com").customer.id == "cust_1234567890"
    assert store.read("a_b@example.com").customer.id == "cust_2"


def test_permissions_are_mended(store: FileStore, active: Path) -> None:
    path = write(active, sound())
    path.chmod(0o644)
    active.chmod(0o755)
    assert [kind for _, kind in kinds(store)] == ["permissions", "permissions"]
    assert store.check(fix=True).healthy
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(active.stat().st_mode) == 0o700


def test_what_killed_writes_left_is_removed_and_what_is_being_written_is_not(
    store: FileStore, active: Path
) -> None:
    write(active, sound())
    old, fresh = active / "a.json.tmp", active / "b.json.tmp"
    for path in (old, fresh):
        path.write_text("{")
    os.utime(old, (0, 0))
    assert kinds(store) == [("active/a.json.tmp", "leftover")]
    assert store.check(fix=True).healthy
    assert not old.exists()
    assert fresh.exists()


CONTRADICTIONS: tuple[tuple[str, Callable[[Record], None]], ...] = (
    ("not done: messaging", lambda record: record.set("setup.messaging.connected", False)),
    ("not done: droplet, handoff", lambda record: _unset(record)),
    ("setup.status is pending, but done", lambda record: record.set("setup.status", "pending")),
    (
        "status is active, but setup.status is in_progress",
        lambda record: _reopen(record),
    ),
    ("status is pending_setup, but", lambda record: record.set("status", "pending_setup")),
    (
        "status is in_progress, but setup.status is complete",
        lambda record: record.set("status", "in_progress"),
    ),
    ("timeline has onboarding_complete", lambda record: _boarded(record)),
    ("timeline has handover_complete", lambda record: record.add_event("handover_complete", "")),
)


def _reopen(record: Record) -> None:
    record.set("setup.status", "in_progress")
    record.set("setup.handoff.completedAt", None)


def _unset(record: Record) -> None:
    record.set("setup.droplet.ip", None)
    record.set("setup.handoff.completed", False)


def _boarded(record: Record) -> None:
    record.set("status", "pending_setup")
    record.add_event("onboarding_complete", "")


@pytest.mark.parametrize(("says", "change"), CONTRADICTIONS)
def test_contradictions_are_found(
    store: FileStore, active: Path, says: str, change: Callable[[Record], None]
) -> None:
    record = Record(documented())
    change(record)
    write(active, dict(record.data))
    problems = [finding.problem for finding in store.check().findings]
    assert any(says in problem for problem in problems)


def test_history_that_goes_back_in_time_is_found(store: FileStore, active: Path) -> None:
    data = sound()
    data["timeline"].append({"timestamp": "2026-01-29T05:59:59.999Z", "event": "x", "details": ""})
    data["notes"].append({"timestamp": "2026-01-29T06:00:00.001Z", "note": "later by a thousandth"})
    write(active, data)
    assert kinds(store) == [("active/customer_at_example.com.json", "history")]


def test_how_far_a_customer_is_and_what_they_wait_for() -> None:
    record = Record(from_old_script())
    # Nobody can work on a droplet whose host key is not known.
    assert steps_done(record.customer) == ("moltbot",)
    assert waits_for(record.customer) == "step droplet"
    record.set("setup.waiting", {"for": "to press Start", "of": "@ada"})
    assert waits_for(record.customer) == "@ada to press Start"
    record.set("status", "cancelled")
    assert waits_for(record.customer) == ""
    assert waits_for(Record(documented()).customer) == ""


@pytest.mark.parametrize(
    ("path", "moment", "says"),
    [
        ("subscription.currentPeriodEnd", "2026-02-29T05:54:00Z", "it is read as 2026-03-01"),
        ("signupDate", "2026-04-31T00:00:00.5Z", "it is read as 2026-05-01"),
        ("setup.waiting", {"for": "to tap", "since": "2026-02-30T00:00:00Z"}, "setup.waiting.since"),
        ("signupDate", "0000-01-01T00:00:00Z", "a day that no calendar has: provisioner update"),
    ],
)
def test_a_day_that_no_calendar_has_is_found_with_what_it_is_taken_for(
    store: FileStore, active: Path, path: str, moment: object, says: str
) -> None:
    record = Record(sound())
    record.set(path, moment)
    write(active, dict(record.data))
    (finding,) = store.check().findings
    assert finding.kind == "date"
    assert says in finding.problem
    assert f"provisioner update customer@example.com {path}" in finding.problem


def test_a_leap_second_is_a_time(store: FileStore, active: Path) -> None:
    record = Record(sound())
    record.set("signupDate", "2016-12-31T23:59:60Z")
    write(active, dict(record.data))
    assert store.check().findings == ()


def test_history_after_a_clock_that_was_wrong_is_healthy(store: FileStore, active: Path) -> None:
    data = sound()
    data["notes"].append({"timestamp": "2999-01-01T00:00:00Z", "note": "from a wrong clock"})
    data["timeline"].append({"timestamp": "2999-01-01T00:00:00Z", "event": "note_added", "details": "…"})
    record = Record(data)
    record.add_note("from a right one")
    write(active, dict(record.data))
    assert store.check().findings == ()


def test_an_active_customer_may_get_another_server(store: FileStore, active: Path) -> None:
    record = Record(sound())
    record.set("setup.status", "in_progress")
    write(active, dict(record.data))
    assert kinds(store) == []


@pytest.mark.parametrize(
    ("day", "missing"),
    [
        ("2026-02-28", False),
        ("2026-02-29", True),
        ("2024-02-29", False),
        ("2024-02-30", True),
        ("2026-04-30", False),
        ("2026-04-31", True),
        ("2026-12-31", False),
        ("0000-01-01", True),
    ],
)
def test_a_day_is_missing_only_where_no_calendar_has_it(day: str, missing: bool) -> None:
    data = {**documented(), "unknown": [{"deep": [f"{day}T00:00:00Z"]}]}
    data["subscription"]["currentPeriodEnd"] = None
    found = [problem for kind, problem in problems_in(Record(data), render(data)) if kind == "date"]
    assert [problem.split()[0] for problem in found] == ["unknown.0.deep.0"] * missing


def test_a_look_at_everything_tells_of_each_customer_who_can_be_read(store: FileStore, active: Path) -> None:
    for email in ("a@example.com", "b@example.com", "c@example.com"):
        store.add(Record({**documented(), "id": f"cust_{email[0]}", "email": email}))
    store.archive("b@example.com")
    (active / "c_at_example.com.json").write_text("{")
    seen: list[Listing[Customer]] = []
    store.check(seen=seen.append)
    assert seen == [one for archived in (False, True) for one in store.all(archived=archived) if one.customer]
