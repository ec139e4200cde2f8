import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.runs.status import CustomerStatus, resumable, statuses, unfinished
from provisioner.workspace import Workspace, init_workspace

EMAIL = "customer@example.com"
BEGUN = {"status": "in_progress", "setup.status": "in_progress"}
COMPLETE: dict[str, object] = {
    "status": "active",
    "setup.status": "complete",
    "setup.droplet.id": "7",
    "setup.droplet.ip": "192.0.2.7",
    "setup.moltbot.installed": True,
    "setup.messaging.connected": True,
    "setup.handoff.completed": True,
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path / "workspace")
    workspace.store().add(new_record(SignUp(EMAIL, "sub")))
    return workspace


def put(workspace: Workspace, fields: Mapping[str, object]) -> None:
    with workspace.store().edit(EMAIL) as record:
        for path, value in fields.items():
            record.set(path, value)


def log(workspace: Workspace, run: str, *events: Mapping[str, object], torn: str = "") -> None:
    lines = [json.dumps({"who": EMAIL, "timestamp": "2026-01-29T05:54:00Z", **event}) for event in events]
    (workspace.runs_dir / f"{run}.jsonl").write_text("\n".join([*lines, torn]))


def only(workspace: Workspace) -> CustomerStatus:
    [status] = statuses(workspace, workspace.store().views())
    return status


def test_a_new_customer_is_new_and_one_who_has_gone_is_not_shown(workspace: Workspace) -> None:
    assert only(workspace).state == "new"
    put(workspace, {"status": "cancelled"})
    assert list(statuses(workspace, workspace.store().views())) == []


def test_a_begun_setup_without_a_live_process_is_interrupted_with_the_command_to_go_on(
    workspace: Workspace,
) -> None:
    put(workspace, BEGUN)
    log(workspace, "2026-01-29T055400Z-aa", {"kind": "said", "step": "moltbot", "text": "x"}, torn='{"who')

    found = only(workspace)

    assert (found.state, found.step, found.command) == (
        "interrupted",
        "moltbot",
        f"provisioner provision {EMAIL}",
    )
    assert found.age(datetime(2026, 1, 29, 5, 55, tzinfo=UTC)) == 60


def test_running_is_who_holds_the_lock_whatever_the_record_says(workspace: Workspace) -> None:
    put(workspace, {**BEGUN, "setup.waiting": {"for": "to press Start", "of": "@a", "since": None}})
    with workspace.store().claim(EMAIL, doing="provision"):
        found = only(workspace)
        assert found.state == "running"
        assert found.holder is not None
        assert found.command is None
    assert only(workspace).state == "waiting"


@pytest.mark.parametrize(
    ("kind", "state"),
    [("failed", "failed"), ("done", "paused"), ("said", "interrupted"), ("started", "interrupted")],
)
def test_the_newest_run_tells_how_it_ended(workspace: Workspace, kind: str, state: str) -> None:
    put(workspace, BEGUN)
    log(workspace, "2026-01-29T055400Z-aa", {"kind": "failed", "step": "droplet", "text": "old"})
    log(workspace, "2026-01-29T055500Z-aa", {"kind": kind, "step": "moltbot", "text": "new"})

    found = only(workspace)

    assert (found.state, found.text, found.step) == (state, "new", "moltbot")
    assert resumable([found]) == [EMAIL]


def test_a_wait_is_told_with_its_age_and_a_kill_afterwards_is_an_interruption(workspace: Workspace) -> None:
    waiting = {"for": "to press Start", "of": "@ada", "since": "2026-01-29T05:54:00Z"}
    put(workspace, {**BEGUN, "setup.waiting": waiting})
    log(workspace, "2026-01-29T055400Z-aa", {"kind": "waiting", "step": "messaging"})

    found = only(workspace)
    assert (found.state, found.text) == ("waiting", "@ada to press Start")
    assert found.age(datetime(2026, 1, 29, 6, 54, tzinfo=UTC)) == 3600

    log(workspace, "2026-01-29T055500Z-aa", {"kind": "started", "step": "messaging", "text": ""})
    assert only(workspace).state == "interrupted"


def test_a_complete_setup_is_done_and_not_to_be_run_again(workspace: Workspace) -> None:
    put(workspace, COMPLETE)
    found = only(workspace)
    assert found.state == "done"
    assert unfinished([found]) == resumable([found]) == []


def test_who_has_not_paid_and_who_is_paused_are_shown_and_not_run_again(workspace: Workspace) -> None:
    put(workspace, {**COMPLETE, "subscription.status": "past_due"})
    found = only(workspace)
    assert (found.state, found.text) == ("unpaid", "Stripe says that the payment is past_due")
    assert unfinished([found]) == resumable([found]) == []

    put(workspace, {"setup.pause": {"requestedAt": "2026-01-29T05:54:00Z", "untilPaid": True}})
    found = only(workspace)
    assert (found.state, found.text) == ("suspended", "until they have paid")
    assert found.command == f"provisioner pause {EMAIL} --undo"
    assert unfinished([found]) == resumable([found]) == []

    put(workspace, {"retry": {"workflow": "pause", "failures": 3, "error": "no answer"}})
    assert (only(workspace).failures, "no answer" in only(workspace).text) == (3, True)


def test_a_complete_setup_whose_server_was_lost_is_to_be_run_again(workspace: Workspace) -> None:
    put(workspace, {**COMPLETE, "setup.handoff.dropletId": "7"})
    put(workspace, {"setup.droplet.id": None})

    found = only(workspace)

    assert (found.state, found.step) == ("interrupted", "droplet")
    assert unfinished([found]) == resumable([found]) == [EMAIL]


def test_what_the_worker_has_put_off_says_so_also_if_nothing_was_begun(workspace: Workspace) -> None:
    retry = {"workflow": "provision", "failures": 3, "notBefore": "2026-01-29T06:00:00Z", "error": "no token"}
    put(workspace, {"retry": retry})

    found = only(workspace)

    assert (found.state, found.text, found.failures) == ("failed", "no token", 3)
    assert found.not_before == "2026-01-29T06:00:00Z"


def test_a_backup_that_fails_is_no_failed_setup(workspace: Workspace) -> None:
    put(workspace, {"retry": {"workflow": "backup", "failures": 3, "error": "no room"}})
    assert only(workspace).state == "new"
