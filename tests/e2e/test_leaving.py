"""Backup, loss, restore and leave for real: what the customer told their assistant outlives its server."""

import json
import shlex

import pytest

from provisioner.sandbox.control.client import Sandbox
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1800)]

TOLD = "My favourite colour is ultramarine"
NOTE = "~/.openclaw/workspace/memory/2026-11-28.md"
SESSIONS = "~/.openclaw/agents/main/agent/openclaw-agent.sqlite"


def on_server(operator: Operator, email: str, script: str) -> str:
    command = f"as-openclaw bash -c {shlex.quote(script)}"
    return operator.done("ssh", email, "--", command).out


def demand_remembered(operator: Operator, email: str) -> None:
    """What was said stands in the assistant's sessions, and what it noted in its workspace."""
    assert on_server(operator, email, f"cat {NOTE}") == "likes ultramarine\n"
    assert (
        int(on_server(operator, email, f"grep --count --text ultramarine {SESSIONS}*|cut -d: -f2|head -1"))
        > 0
    )


def demand_answer(sandbox: Sandbox, phone: str, bot: str, text: str) -> None:
    said = sandbox.say(phone, bot, text)
    answer = sandbox.wait_for_reply(phone, bot, after=said.id, timeout=240)
    assert answer is not None
    assert text in answer.text


def test_a_customers_assistant_remembers_on_a_new_server_and_leaves_nothing_behind(
    operator: Operator, sandbox: Sandbox
) -> None:
    email, phone, bot = "dora@example.com", "dora", "dora_moltbot"
    operator.sign_up(email, "Dora Metcalf", phone, bot)
    sandbox.press_start(phone, bot)
    operator.done("provision", email)
    demand_answer(sandbox, phone, bot, TOLD)
    on_server(operator, email, f"echo likes ultramarine > {NOTE}")

    backup = operator.done("backup", email, "--json").document["customers"][0]["backup"]
    assert backup["version"] == "2026.9.6"

    # The server is lost, with all that is on it.
    lost = operator.record(email)["setup"]["droplet"]["id"]
    delete_droplet(sandbox, lost)
    operator.done("rebuild", email)
    assert "ultramarine" not in on_server(operator, email, f"cat {NOTE} 2> /dev/null || true")
    operator.done("restore-backup", email)
    record = operator.record(email)
    assert record["setup"]["droplet"]["id"] != lost
    assert (record["status"], record["setup"]["messaging"]["connected"]) == ("active", True)
    demand_remembered(operator, email)
    demand_answer(sandbox, phone, bot, "and do you know me?")

    # The customer leaves, stays after all, and leaves.
    assert "waiting until" in operator.done("cancel", email, "--now").err
    active = "systemctl --user is-active openclaw-gateway || true"
    assert on_server(operator, email, active) == "inactive\n"
    operator.done("cancel", email, "--undo")
    demand_answer(sandbox, phone, bot, "are you there?")
    operator.done("destroy", email, "--yes", email)

    found = operator.done("show", email, "--json").document
    assert found["archived"] is True
    assert operator.droplets_of(record) == []
    # The account has the droplets of other tests, too.
    diagnosis = json.loads(operator.run("doctor", "--json").out)
    assert [cost for cost in diagnosis["costs"] if cost["email"] == email] == []
    assert [one for one in diagnosis["troubles"] if one["whom"] == email] == []
    folder = operator.workspace / ".provisioner" / "backups" / record["id"]
    assert found["customer"]["leaving"]["backup"] in {path.name for path in folder.iterdir()}


def delete_droplet(sandbox: Sandbox, droplet: str) -> None:
    from provisioner.services.digitalocean.client import DigitalOcean

    env = sandbox.env
    DigitalOcean(env["DIGITALOCEAN_ACCESS_TOKEN"], env["DIGITALOCEAN_END_POINT"]).delete_droplet(droplet)
