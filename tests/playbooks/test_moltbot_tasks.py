"""The last line of a task that fails says why, whatever JSON came before it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.tasks import Bench

HEALTHY = "The gateway is healthy, and safe by its own audit"
GOOD: dict[str, Any] = {"ok": True, "plugins": {"errors": []}, "modelRuntime": {"degraded": False}}
QUIET: dict[str, Any] = {"summary": {"critical": 0}, "findings": []}
OPEN = {"checkId": "a.b", "severity": "critical", "title": "Groups are open to everybody", "detail": "x"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.program("openclaw-gateway", "[[ $1 != ready ]] && echo state-of-now")
    made.program("openclaw", "cat $BENCH/$1.json")
    made.program("sleep", "exit 0")
    return made


def checked(bench: Bench, health: dict[str, Any], audit: dict[str, Any]) -> tuple[int, str]:
    (bench.folder / "health.json").write_text(json.dumps(health))
    (bench.folder / "security.json").write_text(json.dumps(audit))
    ended = bench.run("moltbot", HEALTHY, moved={"/etc/provisioner": bench.folder})
    return ended.returncode, (ended.stderr.splitlines() or [""])[-1]


def test_a_healthy_gateway_is_noted_with_its_state(bench: Bench) -> None:
    assert checked(bench, GOOD, QUIET) == (0, "")
    assert (bench.folder / "moltbot.checked").read_text() == "state-of-now\n"


@pytest.mark.parametrize(
    ("health", "why"),
    [
        (
            {"ok": False, "error": {"kind": "timeout", "message": "gateway timeout"}},
            "gateway timeout; timeout",
        ),
        ({**GOOD, "plugins": {"errors": [{"message": "telegram: bad"}]}}, "telegram: bad"),
        ({**GOOD, "modelRuntime": {"degraded": True}}, "its models are still being prepared"),
        ({}, "it does not say why"),
    ],
)
def test_a_gateway_that_is_not_healthy_says_why(bench: Bench, health: dict[str, Any], why: str) -> None:
    assert checked(bench, health, QUIET) == (1, f"the gateway is not healthy: {why}")


def test_what_the_audit_finds_is_named(bench: Bench) -> None:
    audit = {"summary": {"critical": 1}, "findings": [OPEN, {**OPEN, "severity": "warn", "title": "small"}]}

    assert checked(bench, GOOD, audit) == (1, "its security audit finds: Groups are open to everybody")
