"""The one line that says why a task failed, out of what real programs print."""

import json
from typing import Any

import pytest

from provisioner.errors import TaskFailed
from provisioner.reasons import reason_in

INSTALL = {
    "action": "install",
    "ok": False,
    "hints": ["openclaw doctor", "openclaw logs"],
    "error": "Gateway install blocked: the service file cannot be safely inspected",
}
ACCOUNT = {"running": False, "lifecycle": "blocked", "lastError": "401: Unauthorized", "probe": {"ok": False}}
HEALTH: dict[str, Any] = {
    "ok": False,
    "plugins": None,
    "modelRuntime": None,
    "error": {"type": "gateway_transport_error", "message": "gateway timeout after 30000ms"},
    "status": None,
}
FINDINGS = [
    {"checkId": "a.b", "severity": "critical", "title": "Groups are open", "detail": "Anybody may ask"}
]
NPM = """\
npm error code E404
npm error 404 Not Found - GET https://registry.example/openclaw/-/openclaw-2026.1.99.tgz
npm error A complete log of this run can be found in: /home/openclaw/.npm/_logs/2026-01-29-debug-0.log
"""
NODE = """\
node:internal/modules/cjs/loader:1228
  throw err;
  ^

Error: Cannot find module '/opt/x.js'
    at Module._resolveFilename (node:internal/modules/cjs/loader:1225:15)
    at node:internal/main/run_main_module:33:47 {
  code: 'MODULE_NOT_FOUND'
}

Node.js v24.19.0
"""


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (json.dumps(INSTALL, indent=2), INSTALL["error"]),
        (json.dumps(INSTALL), INSTALL["error"]),
        ("installing\n" + json.dumps(INSTALL, indent=2) + "\n", INSTALL["error"]),
        (
            json.dumps({"ok": False, "error": {"type": "cli_error", "message": "no such chat"}}),
            "no such chat",
        ),
        (json.dumps(ACCOUNT, indent=2), "401: Unauthorized"),
        (json.dumps(HEALTH, indent=2), "gateway timeout after 30000ms"),
        (json.dumps(FINDINGS, indent=2), "Anybody may ask"),
        ('"hints": [],\n  "error": "cut off at its \\"beginning\\""\n}', 'cut off at its "beginning"'),
        ('{\n  "ok": false,\n  "step": "probing"\n}', '"step": "probing"'),
        (NPM, NPM.splitlines()[1]),
        (NODE, "Error: Cannot find module '/opt/x.js'"),
        ("E: Unable to locate package jq\n\n", "E: Unable to locate package jq"),
        ("why it failed\n}\n", "why it failed"),
        ("---\n", "---"),
        ("[" * 4000, "[" * 599 + "…"),
        ('{"error":' * 500 + "1" + "}" * 500, None),
        ("", None),
    ],
)
def test_the_reason_is_found_in_what_the_program_printed(output: str, reason: str | None) -> None:
    found = reason_in(output)

    if reason is None:
        assert found is None or len(found) <= 600
    else:
        assert found == reason


def failed(output: str, exit_code: int = 1) -> TaskFailed:
    return TaskFailed(
        "apply the playbook moltbot",
        whom="192.0.2.1",
        playbook="moltbot",
        task="The gateway as a service",
        exit_code=exit_code,
        output=output,
        log="/var/lib/provisioner/runs/r/025.log",
    )


def test_the_error_of_a_task_holds_its_reason() -> None:
    error = failed(json.dumps(INSTALL, indent=2))

    assert error.cause == f"the task “The gateway as a service” ended with exit code 1: {INSTALL['error']}"
    assert error.hint is not None
    assert "/var/lib/provisioner/runs/r/025.log" in error.hint


@pytest.mark.parametrize(
    "said",
    ["tar: x: Cannot write: No space left on device\n", "npm error code ENOSPC\nnpm error nospc write\n"],
)
def test_a_full_disk_says_what_to_delete(said: str) -> None:
    hint = failed(said).hint or ""

    assert "disk is full" in hint
    assert "apt-get clean" in hint
    assert "run the same command again" in hint


def test_other_failures_are_no_full_disk() -> None:
    assert "disk is full" not in (failed("E: Unable to locate package jq").hint or "")
