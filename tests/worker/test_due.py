"""What is due, as a table: a record, the settings and the time in; jobs out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provisioner.customers.record import Record
from provisioner.settings import (
    BackupSettings,
    BillingSettings,
    HealthSettings,
    ModelKeySettings,
    Settings,
    WorkerSettings,
)
from provisioner.timestamps import is_quiet, written
from provisioner.worker.due import backoff, due, is_look_due
from tests.steps.support import new_record

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PAID = {"requests": [{"workflow": "provision", "at": "2026-02-28T00:00:00Z", "by": "Stripe"}]}
BEGUN = {"status": "in_progress", "setup": {"status": "in_progress"}}
WAITING: dict[str, Any] = {
    "status": "in_progress",
    "setup": {
        "status": "in_progress",
        "waiting": {"for": "to tap", "of": "@ada", "since": "2026-02-28T01:00:00Z"},
    },
}
COMPLETE: dict[str, Any] = {
    "status": "active",
    "setup": {
        "status": "complete",
        "droplet": {"id": "1", "ip": "192.0.2.1"},
        "moltbot": {"installed": True},
        "messaging": {"connected": True},
        "handoff": {"completed": True, "completedAt": "2026-02-20T00:00:00Z"},
    },
}
UNPAID = {
    "subscription": {
        "stripeSubscriptionId": "sub_1",
        "status": "past_due",
        "changes": [
            {"at": "2026-01-01T00:00:00Z", "kind": "created", "subscription": "sub_1", "status": "active"},
            {"at": "2026-02-10T00:00:00Z", "kind": "updated", "subscription": "sub_1", "status": "past_due"},
            {"at": "2026-02-12T00:00:00Z", "kind": "updated", "subscription": "sub_1", "status": "past_due"},
        ],
    }
}
ENDED = {"requests": [{"workflow": "cancel", "at": "2026-02-28T00:00:00Z", "by": "Stripe"}]}
BACKED_UP = {"backups": [{"file": "a", "takenAt": "2026-02-28T13:00:00Z", "size": 1, "sha256": "0"}]}

RESTORE = {"file": "/b/a.tar.gz", "sha256": "0", "requestedAt": "2026-02-28T00:00:00Z"}
RESTORING: dict[str, Any] = {"setup": {**COMPLETE["setup"], "restore": RESTORE}}
RESIZE = {"requestedAt": "2026-02-28T00:00:00Z", "from": "s-1vcpu-2gb", "to": "s-2vcpu-4gb"}
RESIZING: dict[str, Any] = {"setup": {**COMPLETE["setup"], "resize": RESIZE}}
UPGRADE = {"version": "2026.9.6", "requestedAt": "2026-02-28T00:00:00Z"}
UPGRADING: dict[str, Any] = {"setup": {**COMPLETE["setup"], "upgrade": UPGRADE}}
BACKS_UP = [("run", "backup")]


def moving(**changes: Any) -> dict[str, Any]:
    move = {"requestedAt": "2026-02-28T00:00:00Z", "region": "fra1", "graceDays": 14} | changes
    return {"setup": {**COMPLETE["setup"], "move": move}}


MOVING = moving()
MOVED = moving(provenAt="2026-02-01T00:00:00Z", destroyAt="2026-02-15T00:00:00Z")
PAYS_NOW = {"subscription": {"stripeSubscriptionId": "sub_1", "status": "active"}}


HANDING_OVER = {
    "handover": {
        "requestedAt": "2026-02-28T00:00:00Z",
        "sshKey": "ssh-ed25519 AAAA",
        "keyProvenAt": "2026-02-28T01:00:00Z",
    }
}
ASKED_TO_HAND_OVER = {"handover": {**HANDING_OVER["handover"], "keyProvenAt": None}}
HANDED_OVER = {"handover": {**HANDING_OVER["handover"], "endedAt": "2026-02-28T02:00:00Z"}}


def updating(**changes: Any) -> dict[str, Any]:
    update = {"requestedAt": "2026-02-28T00:00:00Z"} | changes
    return {"setup": {**COMPLETE["setup"], "systemUpdate": update}}


def put_off(until: str, workflow: str = "provision") -> dict[str, Any]:
    return {"retry": {"workflow": workflow, "failures": 3, "notBefore": until, "error": "no"}}


def paused(document: dict[str, Any] = COMPLETE, **changes: Any) -> dict[str, Any]:
    pause = {"requestedAt": "2026-02-27T00:00:00Z", "by": "Ada"} | changes
    return {"setup": {**document["setup"], "pause": pause}}


def handled(since: str = "2026-02-10T00:00:00Z") -> dict[str, Any]:
    return {"subscription": {**UNPAID["subscription"], "unpaidHandled": since}}


def leaving(**changes: Any) -> dict[str, Any]:
    asked = {"requestedAt": "2026-02-01T00:00:00Z", "stopAt": "2026-02-01T00:00:00Z", "graceDays": 14}
    return {"leaving": asked | changes}


def sent(reason: str) -> dict[str, Any]:
    return {"setup": {"status": "pending", "emails": [{"reason": reason, "begunAt": "2026-02-17T00:00:00Z"}]}}


LEAVES = leaving(stopAt="2026-04-01T00:00:00Z")
PAUSES = {"billing": BillingSettings(when_unpaid="pause")}
QUIET = {"worker": WorkerSettings(quiet_hours="11:00-13:00")}
GOES_UNPAID = COMPLETE | UNPAID | leaving(by="the worker")


def jobs(record: Record, **settings: Any) -> list[tuple[str, str]]:
    found = due(record.customer, Settings(**settings), NOW)
    return [(one.kind, one.workflow) for one in found]


@pytest.mark.parametrize(
    ("document", "settings", "wanted"),
    [
        ({}, {}, []),
        (PAID, {}, [("run", "provision")]),
        (PAID | BEGUN, {}, [("run", "provision")]),
        (BEGUN, {}, [("run", "provision")]),
        (WAITING, {}, [("look", "provision")]),
        (PAID | WAITING, {}, [("look", "provision")]),
        (PAID | {"status": "cancelled"}, {}, []),
        (BEGUN | {"status": "cancelled"}, {}, []),
        ({"requests": [{"workflow": "juggle", "at": "2026-02-28T00:00:00Z", "by": "Ada"}]}, {}, []),
        (PAID | put_off("2026-03-01T12:00:01Z"), {}, []),
        (PAID | put_off("2026-03-01T12:00:00Z"), {}, [("run", "provision")]),
        (PAID | put_off("2026-03-01T13:00:00Z", "backup"), {}, [("run", "provision")]),
        (COMPLETE, {}, [("run", "backup")]),
        (COMPLETE | BACKED_UP, {}, []),
        (COMPLETE | BACKED_UP, {"backup": BackupSettings(every_hours=12)}, [("run", "backup")]),
        (COMPLETE, {"backup": BackupSettings(every_hours=0)}, []),
        (COMPLETE | RESTORING, {}, [("run", "restore-backup")]),
        (COMPLETE | RESTORING | {"status": "cancelled"}, {}, []),
        (COMPLETE | RESIZING, {}, [("run", "resize")]),
        (COMPLETE | RESIZING | LEAVES, {}, [("run", "resize")]),
        (COMPLETE | RESIZING | {"status": "cancelled"}, {}, []),
        (COMPLETE | UPGRADING, {}, [("run", "upgrade")]),
        (COMPLETE | updating(), {}, [("run", "upgrade --security-only")]),
        # It waits for the hour of its reboot: [droplet] reboot_at, or else the quiet ones.
        (COMPLETE | updating(installedAt="2026-03-01T10:00:00Z") | BACKED_UP, {}, []),
        (
            COMPLETE | updating(installedAt="2026-03-01T10:00:00Z"),
            QUIET,
            [("run", "upgrade --security-only")],
        ),
        (
            COMPLETE | updating(installedAt="2026-03-01T10:00:00Z", atOnce=True),
            {},
            [("run", "upgrade --security-only")],
        ),
        (
            COMPLETE | updating(installedAt="2026-03-01T10:00:00Z", boot="@1"),
            {},
            [("run", "upgrade --security-only")],
        ),
        (COMPLETE | UPGRADING, QUIET, [("run", "upgrade")]),
        (COMPLETE | paused(UPGRADING), {}, [("run", "upgrade")]),
        (COMPLETE | UPGRADING | put_off("2026-03-01T13:00:00Z", "upgrade"), {}, []),
        (COMPLETE | UPGRADING | {"status": "cancelled"}, {}, []),
        (
            COMPLETE | UPGRADING | leaving() | put_off("2026-03-01T13:00:00Z", "upgrade"),
            {},
            [("run", "cancel")],
        ),
        (COMPLETE | MOVING, {}, [("run", "move")]),
        (COMPLETE | moving(provenAt="2026-02-28T00:00:00Z", destroyAt="2026-03-14T00:00:00Z"), {}, BACKS_UP),
        (COMPLETE | MOVED, {}, [("run", "move")]),
        (COMPLETE | MOVED | {"status": "handed_over"}, {}, [("run", "move")]),
        (COMPLETE | MOVING | {"status": "handed_over"}, {}, []),
        (COMPLETE | MOVED | {"status": "cancelled"}, {}, []),
        (UNPAID, {}, [("tell", "payment")]),
        (UNPAID, {"billing": BillingSettings(unpaid_days=30)}, []),
        (UNPAID, {"billing": BillingSettings(when_unpaid="pause")}, [("ask", "pause")]),
        (UNPAID, {"billing": BillingSettings(when_unpaid="cancel")}, [("ask", "cancel")]),
        (
            UNPAID | {"requests": [{"workflow": "pause", "at": "2026-02-28T00:00:00Z", "by": "Ada"}]},
            {"billing": BillingSettings(when_unpaid="pause")},
            [("ask", "pause")],
        ),
        # The policy is carried out once for each payment that failed.
        (handled(), {"billing": BillingSettings(when_unpaid="pause")}, []),
        (handled(), {"billing": BillingSettings(when_unpaid="cancel")}, []),
        (
            handled("2026-01-01T00:00:00Z"),
            {"billing": BillingSettings(when_unpaid="pause")},
            [("ask", "pause")],
        ),
        (UNPAID | LEAVES, {"billing": BillingSettings(when_unpaid="cancel")}, []),
        (UNPAID | paused(pausedAt="2026-02-28T00:00:00Z"), PAUSES, []),
        (COMPLETE | paused(), {}, [("run", "pause")]),
        (COMPLETE | paused(), {"worker": WorkerSettings(quiet_hours="11:00-13:00")}, []),
        # Who is paused is left as they are.
        (COMPLETE | paused(pausedAt="2026-02-28T00:00:00Z"), {}, []),
        (PAID | WAITING | paused(WAITING, pausedAt="2026-02-28T00:00:00Z"), {}, []),
        (
            COMPLETE | paused(pausedAt="2026-02-28T00:00:00Z", undoAt="2026-03-01T00:00:00Z"),
            QUIET,
            [("run", "pause")],
        ),
        (COMPLETE | paused(pausedAt="2026-02-28T00:00:00Z", untilPaid=True), {}, [("ask", "go on")]),
        (UNPAID | paused(pausedAt="2026-02-28T00:00:00Z", untilPaid=True), {}, [("tell", "payment")]),
        (COMPLETE | paused() | {"status": "cancelled"}, {}, []),
        (UNPAID | {"status": "cancelled"}, {}, []),
        (ENDED, {}, [("ask", "cancel")]),
        # Until their key is proven they are looked after as before.
        (COMPLETE | ASKED_TO_HAND_OVER, {}, [("run", "backup")]),
        (COMPLETE | HANDING_OVER, {}, [("run", "handover")]),
        (COMPLETE | HANDING_OVER | ENDED, {}, [("run", "handover")]),
        (WAITING | HANDING_OVER, {}, [("look", "handover")]),
        (COMPLETE | HANDING_OVER | {"status": "handed_over"}, {}, [("run", "handover")]),
        (COMPLETE | HANDED_OVER | {"status": "handed_over"} | ENDED, {}, []),
        (COMPLETE | leaving(stopAt="2026-03-01T12:00:00Z"), {}, [("run", "cancel")]),
        (COMPLETE | leaving(stopAt="2026-03-01T12:00:01Z"), {}, []),
        (COMPLETE | leaving(endedAt="2026-02-01T00:00:00Z") | BACKED_UP, {}, []),
        (PAID | leaving(stopAt="2026-03-02T00:00:00Z"), {}, []),
        (GOES_UNPAID, {"billing": BillingSettings(when_unpaid="cancel")}, [("run", "cancel")]),
        (GOES_UNPAID | PAYS_NOW, {}, [("tell", "payment after all"), ("run", "cancel")]),
        (COMPLETE | leaving(by="Stripe") | PAYS_NOW, {}, [("run", "cancel")]),
        (
            COMPLETE | leaving(by="the worker", undoAt="2026-03-01T00:00:00Z") | PAYS_NOW,
            {},
            [("run", "cancel")],
        ),
        (WAITING, {"worker": WorkerSettings(quiet_hours="11:00-13:00")}, []),
        (PAID, {"worker": WorkerSettings(quiet_hours="11:00-13:00")}, [("run", "provision")]),
        (WAITING, {"worker": WorkerSettings(quiet_hours="12:01-11:59")}, [("look", "provision")]),
    ],
)
def test_what_is_due(document: Any, settings: Any, wanted: list[tuple[str, str]]) -> None:
    assert jobs(new_record(**document), **settings) == wanted


MENDING = {"requestedAt": "2026-03-01T11:59:00Z", "by": "the worker", "about": ["gateway"]}
WRONG: dict[str, Any] = {"health": {"problems": ["gateway"], "mending": MENDING}}


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        (COMPLETE | WRONG, [("run", "mend")]),
        (COMPLETE | WRONG | PAID, [("run", "mend")]),
        (COMPLETE | WRONG | RESTORING, [("run", "restore-backup")]),
        (COMPLETE | WRONG | LEAVES, [("run", "mend")]),
        (COMPLETE | WRONG | paused(pausedAt="2026-02-28T00:00:00Z"), [("run", "mend")]),
        (COMPLETE | WRONG | paused(), [("run", "pause")]),
        (COMPLETE | WRONG | {"status": "cancelled"}, []),
        (COMPLETE | WRONG | BACKED_UP | put_off("2026-03-01T12:30:00Z", "mend"), []),
        (COMPLETE | {"health": {"problems": ["gateway"]}} | BACKED_UP, []),
    ],
)
def test_what_is_wrong_is_mended(document: Any, wanted: list[tuple[str, str]]) -> None:
    assert jobs(new_record(**document)) == wanted


DROPLET = {"id": "1", "ip": "192.0.2.1", "hostKey": "ssh-ed25519 AAAA"}
WATCHED: dict[str, Any] = {**COMPLETE, "setup": {**COMPLETE["setup"], "droplet": DROPLET}}


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def since(minutes: float, *problems: str, mended: float | None = None) -> dict[str, Any]:
    end = {} if mended is None else {"endedAt": written(ago(mended))}
    attempt = {"about": "gateway", "remedy": "restart", "begunAt": written(ago(30)), **end}
    return {"health": {"problems": problems, "since": written(ago(minutes)), "attempts": [attempt]}}


@pytest.mark.parametrize(
    ("document", "looked", "wanted"),
    [
        (WATCHED, None, True),
        (WATCHED, 9.9, False),
        (WATCHED, 10, True),
        # The clock was set back.
        (WATCHED, -1, True),
        (WATCHED | since(5, "gateway"), 0.9, False),
        (WATCHED | since(5, "gateway"), 1, True),
        (WATCHED | since(11, "gateway"), 1, False),
        (WATCHED | since(11, "gateway"), 10, True),
        (WATCHED | since(5), 1, False),
        (WATCHED | since(20, "gateway", mended=2), 3, True),
        (WATCHED | since(20, "gateway", mended=2), 1, False),
        (WATCHED | {"status": "cancelled"}, None, False),
        (COMPLETE, None, False),
        (BEGUN, None, False),
    ],
)
def test_when_a_server_is_looked_at(document: Any, looked: float | None, wanted: bool) -> None:
    last = None if looked is None else ago(looked)
    customer = new_record(**document).customer
    assert is_look_due(customer, last, Settings(), NOW) is wanted
    assert not is_look_due(customer, last, Settings(health=HealthSettings(every_minutes=0)), NOW)


REMINDS = {"smtp_url": "smtp://127.0.0.1:25"}
FIRST = "payment since 2026-02-10T00:00:00Z after 7 d"


@pytest.mark.parametrize(
    ("document", "settings", "wanted"),
    [
        (UNPAID, REMINDS, [("look", "remind")]),
        (UNPAID, {}, []),
        (UNPAID, REMINDS | {"billing": BillingSettings(reminder_days=())}, []),
        (UNPAID, REMINDS | {"billing": BillingSettings(reminder_days=(20,))}, []),
        (UNPAID, REMINDS | QUIET, []),
        (UNPAID | {"status": "cancelled"}, REMINDS, []),
        (UNPAID | LEAVES, REMINDS, []),
        (UNPAID | paused(pausedAt="2026-02-28T00:00:00Z"), REMINDS, []),
        # The one that was sent is not sent again, and a later one comes when it is its day.
        (UNPAID | sent(FIRST), REMINDS, []),
        (
            UNPAID | sent(FIRST),
            REMINDS | {"billing": BillingSettings(reminder_days=(7, 19))},
            [("look", "remind")],
        ),
        # One that fails keeps nothing else waiting.
        (UNPAID | BEGUN | put_off("2026-03-01T12:30:00Z", "remind"), REMINDS, [("run", "provision")]),
    ],
)
def test_who_has_not_paid_is_reminded(document: Any, settings: Any, wanted: list[tuple[str, str]]) -> None:
    found = [one for one in jobs(new_record(**document), **settings) if one != ("tell", "payment")]
    assert found == wanted


KEYS = {"openrouter_management_key": "sk-or-v1-management"}
OWN: dict[str, Any] = {
    "requestedAt": "2026-02-01T00:00:00Z",
    "hash": "0a",
    "limit": 2500,
    "checkedAt": "2026-03-01T10:30:00Z",
}


def with_key(document: dict[str, Any] = COMPLETE, **changes: Any) -> dict[str, Any]:
    return document | BACKED_UP | {"setup": {**document["setup"], "modelKey": OWN | changes}}


@pytest.mark.parametrize(
    ("document", "settings", "wanted"),
    [
        (with_key(), KEYS, []),
        (with_key(), KEYS | {"model_keys": ModelKeySettings(check_hours=1)}, [("run", "model-key")]),
        (with_key(checkedAt="2026-02-28T12:00:00Z"), KEYS, [("run", "model-key")]),
        (with_key(checkedAt="2026-02-28T12:00:01Z"), KEYS, []),
        (with_key(checkedAt=None), KEYS, [("run", "model-key")]),
        (with_key(checkedAt=None), {}, []),
        (with_key(checkedAt=None, hash=None), KEYS, []),
        (with_key(checkedAt=None), KEYS | QUIET, []),
        # From half of the budget on it is looked at every hour.
        (with_key(spend={"2026-03": 1249}), KEYS, []),
        (with_key(spend={"2026-03": 1250}), KEYS, [("run", "model-key")]),
        (with_key(spend={"2026-02": 2500}), KEYS, []),
        # What the provider is to be told is told at once.
        (with_key(budget=40), KEYS, [("run", "model-key")]),
        (with_key(stopped=True), KEYS | QUIET, [("run", "model-key")]),
        (with_key(carried={"2026-03": 1}), KEYS, [("run", "model-key")]),
        (with_key(carried={"2026-02": 1}), KEYS, []),
        (with_key(checkedAt=None) | {"status": "cancelled"}, KEYS, []),
        # The operator is told what the customer was told, as long as its month lasts.
        (with_key(told=["2026-03 80", "2026-03 100"]), KEYS, [("tell", "model budget")]),
        (with_key(told=["2026-02 80", "2026-02 100"]), KEYS, []),
        # One that fails keeps nothing else waiting, and nothing else this.
        (with_key(checkedAt=None) | {"backups": []}, KEYS, [("run", "backup")]),
        (
            with_key(checkedAt=None) | {"backups": []} | put_off("2026-03-02T00:00:00Z", "backup"),
            KEYS,
            [("run", "model-key")],
        ),
    ],
)
def test_what_keys_spend_is_looked_at(document: Any, settings: Any, wanted: list[tuple[str, str]]) -> None:
    assert jobs(new_record(**document), **settings) == wanted


def test_the_operator_is_told_of_each_part_of_a_budget_under_a_name_of_its_own() -> None:
    said = []
    for told in (["2026-03 80"], ["2026-03 80", "2026-03 100"]):
        record = new_record(**with_key(told=told, spend={"2026-03": 2501}))
        [job] = [one for one in due(record.customer, Settings(), NOW) if one.kind == "tell"]
        said.append(job.since)
        assert "$25 for the model are spent ($25.01)" in job.why
    assert said == ["2026-03 80", "2026-03 100"]


def test_the_days_without_payment_are_counted_from_the_first() -> None:
    record = new_record(**UNPAID)
    for days, told in ((18, True), (20, False)):
        policy = Settings(billing=BillingSettings(unpaid_days=days))
        assert bool(due(record.customer, policy, NOW)) is told


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        ("", "03:00", False),
        ("21:00-07:00", "20:59", False),
        ("21:00-07:00", "21:00", True),
        ("21:00-07:00", "00:00", True),
        ("21:00-07:00", "06:59", True),
        ("21:00-07:00", "07:00", False),
        ("01:00-02:00", "01:30", True),
        ("01:00-02:00", "02:00", False),
    ],
)
def test_quiet_hours_may_go_over_midnight(hours: str, at: str, quiet: bool) -> None:
    hour, minute = map(int, at.split(":"))
    assert is_quiet(hours, NOW.replace(hour=hour, minute=minute)) is quiet


def test_each_failure_doubles_the_pause_up_to_six_hours() -> None:
    pauses = [backoff(failures) for failures in range(1, 2000)]
    assert pauses[:4] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert pauses[-1] == timedelta(hours=6)
    assert pauses == sorted(pauses)
