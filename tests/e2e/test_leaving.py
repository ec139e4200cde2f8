"""Backup, loss, restore, pause and leave for real: what the assistant was told outlives its server."""

import json
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

from provisioner.sandbox.control.client import Sandbox
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1800)]

EMAIL, PHONE, BOT = "dora@example.com", "dora", "dora_moltbot"
QUESTION, ANSWER = "What is my dog called?", "Your dog is called Rex."
NOTE = "~/.openclaw/workspace/memory/2026-11-28.md"


@pytest.fixture
def operator(sandbox: Sandbox, image: str, tmp_path: Path) -> Operator:
    """With Stripe's live mode: its clock is moved on here, and its customers are nobody else's."""
    key = sandbox.live_stripe.keys.key
    operator = Operator(tmp_path / "workspace", sandbox, STRIPE_SECRET_KEY=key)
    operator.take_mark(image)
    return operator


def on_server(operator: Operator, script: str) -> str:
    command = f"as-openclaw bash -c {shlex.quote(script)}"
    return operator.done("ssh", EMAIL, "--", command).out


def demand_answer(sandbox: Sandbox, text: str, answer: str) -> None:
    said = sandbox.say(PHONE, BOT, text)
    assert sandbox.wait_for_reply(PHONE, BOT, after=said.id, containing=answer, timeout=240)


def demand_stopped(operator: Operator) -> None:
    """The gateway does not run, and no boot starts it."""
    words = "systemctl --user is-active openclaw-gateway; systemctl --user is-enabled openclaw-gateway"
    assert on_server(operator, f"{words}; true") == "inactive\ndisabled\n"


def test_a_customers_assistant_remembers_on_a_new_server_and_leaves_nothing_behind(
    operator: Operator, sandbox: Sandbox
) -> None:
    sign_up(operator, sandbox)
    demand_answer(sandbox, "My dog is called Rex", "My dog is called Rex")
    on_server(operator, f"echo likes ultramarine > {NOTE}")
    restored_on_a_new_server(operator, sandbox)
    paused_and_back(operator, sandbox)
    record = operator.record(EMAIL)
    leaves_at_the_period_end_and_stays(operator, sandbox)
    leaves_at_stripe(operator, sandbox)
    demand_gone(operator, record)


def sign_up(operator: Operator, sandbox: Sandbox) -> None:
    """Somebody who pays at Stripe, is set up, and can talk."""
    sandbox.add_phone(PHONE, "Dora")
    token = sandbox.create_bot("Dora's Moltbot", BOT, PHONE).token
    sandbox.live_stripe.checkout(EMAIL, name="Dora Metcalf", telegram=f"@{PHONE}")
    operator.done("stripe", "sync")
    operator.done("update", EMAIL, "setup.messaging.botToken", "-", text=f"{token}\n")
    sandbox.press_start(PHONE, BOT)
    operator.done("provision", EMAIL)


def restored_on_a_new_server(operator: Operator, sandbox: Sandbox) -> None:
    """The server is lost, with all that is on it."""
    backup = operator.done("backup", EMAIL, "--json").document["customers"][0]["backup"]
    assert backup["version"] == "2026.9.6"
    lost = operator.record(EMAIL)["setup"]["droplet"]["id"]
    delete_droplet(sandbox, lost)
    operator.done("rebuild", EMAIL)
    demand_answer(sandbox, QUESTION, "You have not told me what your dog is called.")

    operator.done("restore-backup", EMAIL)

    record = operator.record(EMAIL)
    assert record["setup"]["droplet"]["id"] != lost
    assert (record["status"], record["setup"]["messaging"]["connected"]) == ("active", True)
    assert on_server(operator, f"cat {NOTE}") == "likes ultramarine\n"
    demand_answer(sandbox, QUESTION, ANSWER)


def paused_and_back(operator: Operator, sandbox: Sandbox) -> None:
    operator.dies("after the assistant is stopped", "pause", EMAIL)
    operator.done("pause", EMAIL)
    demand_stopped(operator)
    assert operator.run("provision", EMAIL).code == 0
    demand_stopped(operator)
    assert [one["severity"] for one in findings(operator) if "paused" in one["problem"]] == ["advice"]
    operator.dies("before the assistant is started", "pause", EMAIL, "--undo")
    operator.done("pause", EMAIL, "--undo")
    demand_answer(sandbox, "are you there?", "are you there?")


def leaves_at_the_period_end_and_stays(operator: Operator, sandbox: Sandbox) -> None:
    """Asked for at the keyboard; dies after what it does on the server, and ends the same."""
    operator.done("cancel", EMAIL, "--at-period-end")
    assert operator.record(EMAIL)["status"] == "active"
    operator.pass_days(31.5)
    for place in ("after the assistant is stopped", "after a backup is made", "after a backup got its name"):
        operator.dies(place, "cancel", EMAIL)
    assert "waiting until" in operator.done("cancel", EMAIL).err
    demand_stopped(operator)
    assert operator.record(EMAIL)["leaving"]["backup"]
    operator.dies("after the assistant is started", "cancel", EMAIL, "--undo")
    operator.done("cancel", EMAIL, "--undo")
    demand_answer(sandbox, QUESTION, ANSWER)


def leaves_at_stripe(operator: Operator, sandbox: Sandbox) -> None:
    """Ended in Stripe's portal at the period's end: the worker does the rest, and dies all the way."""
    sandbox.live_stripe.cancel(EMAIL)
    sandbox.live_stripe.clock(31.5)
    for place in (
        "after a request is taken up",
        "after the assistant is stopped",
        "after a backup is received",
    ):
        worker_dies(operator, place)
    work_until(operator, "backup")
    record = operator.record(EMAIL)
    assert (record["status"], record["leaving"]["by"]) == ("cancelled", "Stripe")
    assert len(operator.droplets_of(record)) == 1
    operator.pass_days(14.1)
    for place in (
        "before a droplet is destroyed",
        "after a droplet is destroyed",
        "after a customer is archived",
    ):
        worker_dies(operator, place)
    work_until(operator, "endedAt")


def demand_gone(operator: Operator, before: dict[str, Any]) -> None:
    """Nothing of them is left that costs, and the last backup is kept."""
    found = operator.done("show", EMAIL, "--json").document
    assert found["archived"] is True
    assert operator.droplets_of(before) == []
    # The account has the droplets of other tests, too.
    diagnosis = json.loads(operator.run("doctor", "--json").out)
    assert [cost for cost in diagnosis["costs"] if cost["email"] == EMAIL] == []
    assert [one for one in diagnosis["troubles"] if one["whom"] == EMAIL] == []
    folder = operator.workspace / ".provisioner" / "backups" / before["id"]
    kept = {path.name for path in folder.iterdir()}
    assert found["customer"]["leaving"]["backup"] in kept
    assert {one["file"] for one in found["customer"]["backups"]} <= kept
    events = [one["event"] for one in found["customer"]["timeline"]]
    for once in ("droplet_destroyed", "cancellation_complete", "cancellation_undone"):
        assert events.count(once) == 1
    assert events.count("assistant_stopped") == events.count("final_backup_taken") == 2


def worker_dies(operator: Operator, place: str) -> None:
    with operator.start("worker", dies_at=place) as worker:
        assert worker.end(300) == -9, f"it never came to {place!r}: {worker.said}"


def work_until(operator: Operator, field: str) -> None:
    """Have the worker at work until the customer's leave has this."""
    with operator.start("worker") as worker:
        deadline = time.monotonic() + 300
        while not (operator.record(EMAIL)["leaving"] or {}).get(field):
            assert time.monotonic() < deadline, worker.said
            time.sleep(0.5)


def findings(operator: Operator) -> list[dict[str, Any]]:
    """What `doctor` says of them."""
    diagnosis = json.loads(operator.run("doctor", "--json").out)
    return [one for one in [*diagnosis["troubles"], *diagnosis.get("advice", [])] if one["whom"] == EMAIL]


def delete_droplet(sandbox: Sandbox, droplet: str) -> None:
    from provisioner.services.digitalocean.client import DigitalOcean

    env = sandbox.env
    DigitalOcean(env["DIGITALOCEAN_ACCESS_TOKEN"], env["DIGITALOCEAN_END_POINT"]).delete_droplet(droplet)
