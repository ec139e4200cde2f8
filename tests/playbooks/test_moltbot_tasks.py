"""The last line of a task that fails says why, whatever JSON came before it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.tasks import Bench

HEALTHY = "The gateway is healthy"
GOOD: dict[str, Any] = {"ok": True, "plugins": {"errors": []}, "modelRuntime": {"degraded": False}}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.program("openclaw-rpc", "[[ -s $BENCH/$1.json ]] || exit 3; cat $BENCH/$1.json")
    return made


def checked(bench: Bench, health: dict[str, Any] | None) -> tuple[int, str]:
    (bench.folder / "health.json").write_text(json.dumps(health) if health is not None else "")
    ended = bench.run("moltbot", HEALTHY)
    return ended.returncode, (ended.stderr.splitlines() or [""])[-1]


def test_a_healthy_gateway_is_taken_for_it(bench: Bench) -> None:
    assert checked(bench, GOOD) == (0, "")


@pytest.mark.parametrize(
    ("health", "why"),
    [
        (None, "it does not say how it is"),
        ({"ok": False, "status": "starting"}, "starting"),
        ({**GOOD, "plugins": {"errors": [{"message": "telegram: bad"}]}}, "telegram: bad"),
        ({**GOOD, "modelRuntime": {"degraded": True}}, "its models are still being prepared"),
        ({}, "it does not say why"),
    ],
)
def test_a_gateway_that_is_not_healthy_says_why(
    bench: Bench, health: dict[str, Any] | None, why: str
) -> None:
    assert checked(bench, health) == (1, f"the gateway is not healthy: {why}")
