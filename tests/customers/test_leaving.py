from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provisioner.customers.leaving import (
    Wish,
    asked_to_leave,
    asked_to_stay,
    is_leaving,
    next_leaving_moment,
    stays,
    stopped,
)
from provisioner.customers.record import Customer, Record
from provisioner.errors import InputError
from provisioner.timestamps import written
from tests.steps.support import new_record

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
END = "2026-12-12T00:00:00Z"
WISH = Wish("ada", 14)
DROPLET = {"id": "7", "ip": "192.0.2.7"}
SETUP = {"status": "complete", "droplet": DROPLET, "moltbot": {"installed": True}}


def record(leaving: dict[str, Any] | None = None, **changes: Any) -> Record:
    subscription = {"status": "active", "currentPeriodEnd": END}
    document = {"status": "active", "setup": SETUP, "subscription": subscription, **changes}
    return new_record(**document, **({"leaving": leaving} if leaving else {}))


def leaving(**fields: Any) -> dict[str, Any]:
    return {"requestedAt": written(NOW), "stopAt": END, "graceDays": 14, "statusBefore": "active", **fields}


def after(before: Record, wish: Wish, now: datetime = NOW) -> Customer:
    before.update(asked_to_leave(before.customer, wish, now))
    return before.customer


STOPPED = {"stoppedAt": END, "destroyAt": "2026-12-26T00:00:00Z"}


@pytest.mark.parametrize(
    ("fields", "setup", "at"),
    [
        ({}, SETUP, END),
        ({"undoAt": "2026-11-29T00:00:00Z"}, SETUP, "2026-11-29T00:00:00Z"),
        # The last backup is due since the stop.
        (STOPPED, SETUP, END),
        ({**STOPPED, "backup": "b"}, SETUP, "2026-12-26T00:00:00Z"),
        ({**STOPPED, "withoutBackup": True}, SETUP, "2026-12-26T00:00:00Z"),
        # Nothing is on that server, or there is none.
        (STOPPED, {"droplet": DROPLET}, "2026-12-26T00:00:00Z"),
        (STOPPED, {"status": "pending"}, END),
        ({**STOPPED, "backup": "b", "destroyedAt": "2026-12-27T00:00:00Z"}, {}, END),
    ],
)
def test_when_there_is_something_to_do_again(fields: dict[str, Any], setup: dict[str, Any], at: str) -> None:
    customer = record(leaving(**fields), setup=setup).customer

    moment = next_leaving_moment(customer)

    assert moment is not None
    assert written(moment) == at
    assert is_leaving(customer)


@pytest.mark.parametrize("fields", [None, leaving(endedAt=END)])
def test_who_is_not_leaving_is_never_due(fields: dict[str, Any] | None) -> None:
    customer = record(fields).customer

    assert next_leaving_moment(customer) is None
    assert not is_leaving(customer)


@pytest.mark.parametrize(
    ("wish", "stop_at", "grace"),
    [
        (WISH, END, 14),
        (Wish("ada", 14, "period end"), END, 14),
        (Wish("ada", 14, "now"), written(NOW), 14),
        (Wish("ada", 0, "now", at_once=True), written(NOW), 0),
    ],
)
def test_a_first_request(wish: Wish, stop_at: str, grace: int) -> None:
    found = after(record(), wish).leaving

    assert found is not None
    assert (found.stop_at, found.grace_days, found.by, found.status_before) == (
        stop_at,
        grace,
        "ada",
        "active",
    )


def test_a_period_that_is_over_ends_now() -> None:
    found = after(record(), WISH, NOW + timedelta(days=30)).leaving

    assert found is not None
    assert found.stop_at == "2026-12-28T12:00:00Z"


def test_without_a_known_period_somebody_has_to_say_when() -> None:
    with pytest.raises(InputError, match="not known") as caught:
        asked_to_leave(record(subscription={"status": "active"}).customer, WISH, NOW)
    assert "--now" in (caught.value.hint or "")


def test_a_server_that_was_handed_over_is_never_destroyed() -> None:
    with pytest.raises(InputError, match="it is theirs"):
        asked_to_leave(record(status="handed_over").customer, Wish("ada", 14, "now"), NOW)


def test_asked_again_nothing_changes() -> None:
    customer = after(record(), WISH)

    assert asked_to_leave(customer, WISH, NOW + timedelta(days=1)) == {}


def test_asked_again_it_is_brought_forward() -> None:
    before = record()
    after(before, WISH)

    now = after(before, Wish("bob", 14, "now", "moves away", without_backup=True)).leaving
    at_once = after(before, Wish("bob", 0, "now", at_once=True)).leaving

    assert now is not None
    assert (now.stop_at, now.reason, now.without_backup) == (written(NOW), "moves away", True)
    assert at_once is not None
    assert at_once.grace_days == 0


def test_in_the_grace_it_ends_at_once() -> None:
    before = record(leaving(**STOPPED, backup="b"), status="cancelled")

    found = after(before, Wish("bob", 0, "now", at_once=True)).leaving

    assert found is not None
    assert (found.destroy_at, found.stop_at) == (written(NOW), END)


def test_nobody_is_asked_to_leave_while_it_is_undone() -> None:
    with pytest.raises(InputError, match="being undone"):
        asked_to_leave(record(leaving(undoAt=END)).customer, WISH, NOW)


def test_stopped_and_back() -> None:
    before = record()
    after(before, WISH)
    assert before.customer.leaving is not None
    before.update(stopped(before.customer.leaving, NOW))
    assert before.customer.status == "cancelled"
    assert before.customer.leaving.destroy_at == "2026-12-12T12:00:00Z"

    before.update(asked_to_stay(before.customer, NOW))
    before.update(stays(before.customer))

    assert (before.get("status"), before.get("leaving")) == ("active", None)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (None, "they are not leaving"),
        (leaving(endedAt=END), "they have left"),
        (leaving(**STOPPED, destroyingAt=END), "being destroyed"),
    ],
)
def test_what_cannot_be_undone(fields: dict[str, Any] | None, why: str) -> None:
    with pytest.raises(InputError, match=why):
        asked_to_stay(record(fields).customer, NOW)


def test_asked_to_stay_twice() -> None:
    assert asked_to_stay(record(leaving(undoAt=END)).customer, NOW) == {}
