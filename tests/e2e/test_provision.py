"""The main job for real: droplets that boot, the real Moltbot, and a customer with a phone."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

from provisioner.sandbox.control.client import Sandbox
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1500)]

WAITING = 3
KILLED_AT = (
    "asking DigitalOcean for a droplet",
    "droplet    done",
    "server+openclaw: ",
    "server+openclaw: OpenClaw",
    "moltbot: The gateway has started",
    "telegram: ",
)
"""What the run says when it is killed, one after the other."""

_SINCE = "as-openclaw systemctl --user show openclaw-gateway --property ActiveEnterTimestamp,NRestarts"


def test_from_paid_to_talking(operator: Operator, sandbox: Sandbox) -> None:
    email, phone, bot = "ada@example.com", "ada", "ada_moltbot"
    token = operator.sign_up(email, "Ada Lovelace", phone, bot)

    waiting = operator.run("provision", email, "--json")
    assert waiting.code == WAITING, waiting.err
    (customer,) = waiting.document["customers"]
    assert customer["waiting"] == {"of": "@ada", "for": f"to press Start at https://t.me/{bot}"}
    assert operator.record(email)["setup"]["waiting"]["of"] == "@ada"

    sandbox.press_start(phone, bot)
    finished = operator.run("provision", email)
    assert finished.code == 0, finished.err
    said = sandbox.say(phone, bot, "hello")
    answer = sandbox.wait_for_reply(phone, bot, after=said.id, timeout=180)

    assert answer is not None
    assert "hello" in answer.text
    record = operator.record(email)
    _check_complete(record, token)
    assert operator.droplets_of(record) == [record["setup"]["droplet"]["id"]]
    _check_nothing_more_is_done(operator, sandbox, email)
    _check_the_server_is_as_planned(operator, email)
    _check_the_logs(operator, email, token)
    _check_the_tunnel(operator, email)
    _check_another_model_is_brought(operator, email)
    said = sandbox.say(phone, bot, "and now?")
    assert sandbox.wait_for_reply(phone, bot, after=said.id, containing="and now?", timeout=180)
    for text in (waiting.out, waiting.err, finished.out, finished.err):
        assert token not in text


def test_killed_at_six_moments_it_still_ends_complete_with_one_droplet(
    operator: Operator, sandbox: Sandbox
) -> None:
    email, phone, bot = "grace@example.com", "grace", "grace_moltbot"
    token = operator.sign_up(email, "Grace Hopper", phone, bot)

    for words in KILLED_AT:
        with operator.start("provision", email) as running:
            running.wait_for(words)
            running.kill()
    with operator.start("provision", email, "--wait", "5m") as running:
        running.wait_for("waiting for @grace to press Start")
        sandbox.press_start(phone, bot)
        assert running.end() == 0, running.said

    record = operator.record(email)
    _check_complete(record, token)
    assert operator.droplets_of(record) == [record["setup"]["droplet"]["id"]]
    events = [event["event"] for event in record["timeline"]]
    for once in ("droplet_created", "moltbot_installed", "telegram_connected", "onboarding_complete"):
        assert events.count(once) == 1, events


def _check_complete(record: dict[str, Any], token: str) -> None:
    setup = record["setup"]
    assert (record["status"], setup["status"]) == ("active", "complete")
    assert setup["moltbot"]["installed"] is True
    assert setup["moltbot"]["version"] == "2026.9.6"
    assert setup["messaging"]["connected"] is True
    assert setup["messaging"]["botToken"] == token
    assert setup["handoff"]["completed"] is True
    assert setup["handoff"]["onboardingMessageSent"] is True
    assert setup.get("waiting") is None
    events = [event["event"] for event in record["timeline"]]
    assert token not in json.dumps(record["timeline"])
    assert events[0] == "subscription_created"
    assert events[-1] == "onboarding_complete"


def _check_nothing_more_is_done(operator: Operator, sandbox: Sandbox, email: str) -> None:
    before = operator.record(email)
    sandbox.reset_counts()
    again = operator.run("provision", email)
    assert again.code == 0, again.err
    assert sandbox.count("cloud") == 0
    assert operator.record(email) == before


def _check_the_server_is_as_planned(operator: Operator, email: str) -> None:
    """The guards of every task say that it is so already."""
    steps = operator.done("plan", email, "--json").document["steps"]
    assert [step["step"] for step in steps] == ["droplet", "moltbot", "messaging", "handoff"]
    assert all(step["done"] for step in steps)
    would = [planned["text"] for step in steps for planned in step["planned"] if planned["needed"]]
    assert would == []
    assert len(steps[1]["planned"]) > 30


def _check_the_logs(operator: Operator, email: str, token: str) -> None:
    runs = operator.done("logs", email, "--runs").out.split()
    moltbot = next(run for run in runs if "moltbot" in run)
    log = operator.done("logs", email, "--run", moltbot).out
    assert "done" in log
    assert "ended well" in log
    assert token not in log
    assert operator.done("ssh", email, "--", "hostname").out.startswith("moltbot-")


def _check_the_tunnel(operator: Operator, email: str) -> None:
    """The Control UI listens on the server's loopback only; through the tunnel it is on a port of ours."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with operator.start("ssh", email, "--tunnel", "--port", str(port), "--", "sleep", "60") as tunnel:
        deadline = time.monotonic() + 30
        while not _answers(f"http://127.0.0.1:{port}/healthz"):
            assert time.monotonic() < deadline, "nothing answers through the tunnel"
            time.sleep(0.3)
        assert tunnel.interrupt() == 130


def _check_another_model_is_brought(operator: Operator, email: str) -> None:
    """To the gateway that runs: nobody's assistant is away meanwhile."""
    assert operator.done("apply", "--all", "--plan", "--json").document["customers"][0]["behind"] == []
    settings = operator.workspace / "provisioner.toml"
    had, wanted = "anthropic/claude-sonnet-5", "anthropic/claude-opus-5"
    settings.write_text(settings.read_text("utf-8").replace(had, wanted), "utf-8")
    (behind,) = operator.done("apply", "--all", "--plan", "--json").document["customers"]
    assert behind["behind"] == [f"the model is {had}, and the settings want {wanted}"]
    since = operator.done("ssh", email, "--", _SINCE).out

    applied = operator.done("apply", "--all", "--json").document

    assert [one["outcome"] for one in applied["customers"]] == ["done"]
    configured = "jq --raw-output .agents.defaults.model.primary /home/openclaw/.openclaw/openclaw.json"
    assert operator.done("ssh", email, "--", configured).out.strip() == wanted
    assert operator.done("ssh", email, "--", _SINCE).out == since
    again = operator.run("apply", "--all")
    assert (again.code, again.err.strip()) == (0, "Every server is up to date.")


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False
