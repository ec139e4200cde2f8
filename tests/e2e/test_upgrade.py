"""Another version for real, from npm: one that cannot start goes again, one that works forgets nothing."""

import json
import shlex
from typing import Any

import pytest

from provisioner.sandbox.control.client import Sandbox
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1800)]

EMAIL, PHONE, BOT = "ella@example.com", "ella", "ella_moltbot"
OLD, NEW = "2026.9.5", "2026.9.6"
QUESTION, ANSWER = "What is my dog called?", "Your dog is called Rex."
NOTE = "~/.openclaw/workspace/memory/2026-11-28.md"
CONFIGURATION = "jq --sort-keys 'del(.meta, .wizard)' ~/.openclaw/openclaw.json"
ENTRY = "~/.provisioner-upgrade/new/lib/node_modules/openclaw/dist/index.js"
TO = ("upgrade", EMAIL, "--version", NEW)


@pytest.fixture
def operator(operator: Operator, sandbox: Sandbox) -> Operator:
    """Whose new servers get the old version, with one customer who talks to it."""
    settings = operator.workspace / "provisioner.toml"
    settings.write_text(settings.read_text().replace(f'version = "{NEW}"', f'version = "{OLD}"'))
    assert f'version = "{OLD}"' in settings.read_text()
    operator.sign_up(EMAIL, "Ella", PHONE, BOT)
    sandbox.press_start(PHONE, BOT)
    operator.done("provision", EMAIL)
    return operator


def on_server(operator: Operator, script: str) -> str:
    command = f"as-openclaw bash -c {shlex.quote(script)}"
    return operator.done("ssh", EMAIL, "--", command).out


def demand_answer(sandbox: Sandbox, text: str, answer: str) -> None:
    said = sandbox.say(PHONE, BOT, text)
    assert sandbox.wait_for_reply(PHONE, BOT, after=said.id, containing=answer, timeout=240)


def moltbot(operator: Operator) -> dict[str, Any]:
    setup = operator.record(EMAIL)["setup"]
    assert setup.get("upgrade") is None
    found = setup["moltbot"]
    assert isinstance(found, dict)
    return found


def listed(operator: Operator) -> str:
    [entry] = operator.done("list", "--json").document["customers"]
    return str(entry["version"])


def test_an_upgrade_that_fails_and_one_that_works(operator: Operator, sandbox: Sandbox) -> None:
    assert (moltbot(operator)["version"], listed(operator)) == (OLD, OLD)
    demand_answer(sandbox, "My dog is called Rex", "My dog is called Rex")
    on_server(operator, f"echo likes ultramarine > {NOTE}")
    before = on_server(operator, CONFIGURATION)

    cannot_be_had(operator)
    goes_back(operator)
    demand_answer(sandbox, QUESTION, ANSWER)
    assert on_server(operator, CONFIGURATION) == before

    goes_on(operator)
    demand_answer(sandbox, QUESTION, ANSWER)
    assert on_server(operator, f"cat {NOTE}") == "likes ultramarine\n"
    after = json.loads(on_server(operator, CONFIGURATION))
    assert {name: after[name] for name in ("channels", "gateway", "models")} == {
        name: json.loads(before)[name] for name in ("channels", "gateway", "models")
    }
    stays(operator)


def cannot_be_had(operator: Operator) -> None:
    ended = operator.run("upgrade", EMAIL, "--version", "2026.9.9999")
    assert ended.code == 2, ended.err
    assert "npm has no openclaw 2026.9.9999" in ended.err
    assert moltbot(operator)["version"] == OLD


def goes_back(operator: Operator) -> None:
    """What npm gave cannot start."""
    operator.dies("after a version is installed", *TO)
    on_server(operator, f"echo 'throw new Error(\"it was never tried\")' > {ENTRY}")

    ended = operator.run(*TO)

    assert ended.code == 1, ended.err
    assert "it does not start" in ended.err
    assert moltbot(operator)["version"] == OLD
    assert on_server(operator, "openclaw --version").count(OLD) == 1
    assert on_server(operator, "ls -d ~/.provisioner-upgrade 2> /dev/null || true") == ""


def goes_on(operator: Operator) -> None:
    for place in (
        "after a version is installed",
        "after the assistant is stopped",
        "after the versions are switched",
        "after the gates",
        "after what was kept is removed",
    ):
        operator.dies(place, *TO)
    operator.done("resume")
    assert (moltbot(operator)["version"], listed(operator)) == (NEW, NEW)
    assert on_server(operator, "openclaw --version").count(NEW) == 1
    assert on_server(operator, "ls -d ~/.provisioner-upgrade 2> /dev/null || true") == ""
    events = [one["event"] for one in operator.record(EMAIL)["timeline"]]
    assert (events.count("upgrade_failed"), events.count("upgraded")) == (1, 1)


def stays(operator: Operator) -> None:
    """New servers get the old version still; that is no reason to put it back here."""
    assert "have the version already" not in operator.run(*TO).err
    operator.done("apply", EMAIL, "--again")
    assert moltbot(operator)["version"] == NEW
    refused = operator.run("upgrade", EMAIL)
    assert refused.code == 2, refused.err
    assert f"{NEW} runs there, and {OLD} is older" in refused.err
