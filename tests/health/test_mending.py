"""What is mended by itself, in which order and how often: a record, signs and the time in, a choice out."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from provisioner.customers.record import Customer, Record
from provisioner.health.judge import Sign
from provisioner.health.mending import asked, begun, ended, mendable, remedies_for, told
from tests.steps.support import new_record

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HANGS = Sign("gateway", "it hangs", "restart it", remedy="restart")
FULL = Sign("disk", "it is full", "make room", remedy="disk")
OFF = Sign("server", "it is off", "start it", remedy="start")
SLOW = Sign("load", "it is overloaded", "look", "advice")
DAMAGED = Sign("database", "it is damaged", "bring a backup back")
PAUSED = {"setup": {"pause": {"requestedAt": "2026-02-01T00:00:00Z"}}}
RESTORING = {"setup": {"restore": {"file": "a", "sha256": "0", "requestedAt": "2026-02-01T00:00:00Z"}}}
MOVE = {"requestedAt": "2026-02-01T00:00:00Z", "region": "fra1", "graceDays": 3}
LEAVES = {
    "leaving": {"requestedAt": "2026-02-01T00:00:00Z", "stopAt": "2026-04-01T00:00:00Z", "graceDays": 14}
}


def tried(about: str, at: str, *, to_the_end: bool = True) -> dict[str, Any]:
    attempt = {"about": about, "remedy": "restart", "begunAt": at}
    return {"health": {"attempts": [attempt | ({"endedAt": at} if to_the_end else {})]}}


def customer(**document: Any) -> Customer:
    return new_record(**{"status": "active", **document}).customer


@pytest.mark.parametrize(
    ("document", "signs", "wanted"),
    [
        ({}, [HANGS, FULL, OFF, SLOW, DAMAGED], ["gateway", "disk", "server"]),
        ({}, [replace(HANGS, severity="advice")], []),
        ({"status": "pending_setup"}, [HANGS, FULL, OFF], []),
        (PAUSED, [HANGS, FULL, OFF], ["disk"]),
        (RESTORING, [HANGS, FULL], []),
        ({"setup": {"resize": {"requestedAt": "2026-02-01T00:00:00Z", "from": "a", "to": "b"}}}, [OFF], []),
        ({"setup": {"upgrade": {"requestedAt": "2026-02-01T00:00:00Z", "version": "2026.9.6"}}}, [HANGS], []),
        ({"setup": {"move": MOVE}}, [HANGS, OFF], []),
        ({"setup": {"move": MOVE | {"provenAt": "2026-02-02T00:00:00Z"}}}, [HANGS], ["gateway"]),
        (LEAVES, [HANGS, OFF], ["gateway"]),
        (tried("gateway", "2026-03-01T06:00:01Z"), [HANGS, FULL], ["disk"]),
        (tried("gateway", "2026-03-01T06:00:00Z"), [HANGS], ["gateway"]),
        (tried("gateway", "2026-03-01T11:00:00Z", to_the_end=False), [HANGS], ["gateway"]),
        # An attempt in the future is of a clock that was wrong.
        (tried("gateway", "2027-03-01T11:00:00Z"), [HANGS], ["gateway"]),
        # Another kind of problem may be mended by the same.
        (tried("memory", "2026-03-01T11:00:00Z"), [HANGS], ["gateway"]),
    ],
)
def test_what_may_be_mended(document: Any, signs: list[Sign], wanted: list[str]) -> None:
    found = mendable(customer(**document), signs, 6, NOW)
    assert [sign.about for sign in found] == wanted


def test_each_remedy_is_used_once_and_those_that_others_need_come_first() -> None:
    memory = replace(HANGS, about="memory")
    assert remedies_for([HANGS, memory, FULL, OFF]) == ("start", "disk", "restart")


def test_from_the_request_to_its_end() -> None:
    record: Record = new_record(status="active")
    record.update(asked(record.customer, [HANGS, FULL], "Ada", NOW))
    health = record.customer.health
    assert health is not None
    assert health.mending is not None
    assert (health.mending.about, health.mending.by) == (("disk", "gateway"), "Ada")
    assert asked(record.customer, [OFF], "bob", NOW) == {}, "what is asked for stands"

    record.update(begun(record.customer, [HANGS, FULL], "disk", NOW))
    record.update(begun(record.customer, [HANGS, FULL], "restart", NOW))
    assert told(record.customer, HANGS) == ""
    record.update(ended(record.customer, NOW))

    health = record.customer.health
    assert health is not None
    assert health.mending is None
    assert [(one.about, one.ended_at) for one in health.attempts] == [
        ("disk", "2026-03-01T12:00:00Z"),
        ("gateway", "2026-03-01T12:00:00Z"),
    ]
    assert told(record.customer, HANGS).startswith("started the gateway again at 2026-03-01T12:00:00Z")
    assert told(record.customer, DAMAGED) == ""


def test_only_the_last_attempt_of_each_kind_is_kept() -> None:
    record = new_record()
    for hour in (1, 2, 3):
        record.update(begun(record.customer, [HANGS], "restart", NOW.replace(hour=hour)))
    health = record.customer.health
    assert health is not None
    assert [one.begun_at for one in health.attempts] == ["2026-03-01T03:00:00Z"]
