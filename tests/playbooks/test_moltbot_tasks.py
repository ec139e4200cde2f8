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


ALLOWED, OTHER = "The model's provider is allowed", "No other provider is to take that key"
KEY = {"source": "file", "provider": "model_key", "id": "value"}


@pytest.fixture
def configured(bench: Bench) -> Bench:
    """`openclaw-configure` merges into the configuration, as a gateway does."""
    (bench.folder / ".openclaw").mkdir()
    bench.program(
        "openclaw-configure",
        "jq --slurp '.[0] * .[1]' ~/.openclaw/openclaw.json \"$1\" > new && mv new ~/.openclaw/openclaw.json",
    )
    return bench


def brought(bench: Bench, task: str, config: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Whether the task had something to do, and the configuration when it is done."""
    path = bench.folder / ".openclaw" / "openclaw.json"
    path.write_text(json.dumps(config))
    needed = bench.run("moltbot", task, "unless", provider="openrouter", own_key=True).returncode != 0
    if needed:
        assert bench.run("moltbot", task, provider="openrouter", own_key=True).returncode == 0
        assert bench.run("moltbot", task, "unless", provider="openrouter", own_key=True).returncode == 0
    return needed, json.loads(path.read_text())


@pytest.mark.parametrize(
    ("config", "allowed"),
    [
        ({"plugins": {"allow": ["anthropic", "theirs"]}}, ["anthropic", "theirs", "openrouter"]),
        ({"plugins": {"allow": ["openrouter", "theirs"]}}, None),
        ({"plugins": {}}, None),
        ({}, None),
    ],
)
def test_a_provider_is_added_to_those_that_are_allowed(
    configured: Bench, config: dict[str, Any], allowed: list[str] | None
) -> None:
    needed, found = brought(configured, ALLOWED, config)

    assert needed is (allowed is not None)
    assert found == ({**config, "plugins": {"allow": allowed}} if allowed else config)


@pytest.mark.parametrize(
    ("anthropic", "left"),
    [
        ({"baseUrl": "http://a", "apiKey": KEY, "models": [1]}, {"baseUrl": "http://a", "models": [1]}),
        ({"apiKey": {**KEY, "provider": "theirs"}}, None),
        ({"apiKey": "sk-theirs"}, None),
        ({}, None),
    ],
)
def test_the_key_is_taken_from_the_provider_before_and_nothing_of_the_customers(
    configured: Bench, anthropic: dict[str, Any], left: dict[str, Any] | None
) -> None:
    providers = {"anthropic": anthropic, "openrouter": {"apiKey": KEY}}

    needed, found = brought(configured, OTHER, {"models": {"providers": providers}})

    assert needed is (left is not None)
    [ours, before] = (found["models"]["providers"][name] for name in ("openrouter", "anthropic"))
    assert ours == {"apiKey": KEY}
    assert {name: value for name, value in before.items() if value is not None} == (left or anthropic)
