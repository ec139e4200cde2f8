"""Stripe's own command line as a client: it ends with 0 whatever it is answered, so its output is read."""

import json
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioner.sandbox.control.options import own_cache
from provisioner.sandbox.machines.cache import build_once
from tests.stripes import KEY, World

VERSION = "1.52.0"
_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}

Run = Callable[..., dict[str, Any]]


def _install(folder: Path) -> None:
    """The program alone, out of its package of the npm registry; without the scripts of packages."""
    package = f"@stripe/cli-linux-{_MACHINES[platform.machine()]}@{VERSION}"
    words = [
        "npm",
        "install",
        "--prefix",
        str(folder),
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        package,
    ]
    subprocess.run(words, check=True, capture_output=True, timeout=240)


@pytest.fixture(scope="session")
def program() -> Path:
    if shutil.which("npm") is None or platform.machine() not in _MACHINES:
        pytest.skip("there is no npm here to fetch Stripe's command line with")
    target = own_cache() / "stripe-cli" / VERSION
    try:
        build_once(target, _install, "Stripe's command line", lambda _line: None)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("the npm registry is out of reach")
    return next(target.glob("node_modules/@stripe/cli-*/bin/stripe"))


@pytest.fixture
def run(program: Path, world: World, tmp_path: Path) -> Run:
    def ask(*words: str) -> dict[str, Any]:
        environment = {"HOME": str(tmp_path), "STRIPE_API_KEY": KEY, "STRIPE_CLI_TELEMETRY_OPTOUT": "1"}
        ended = subprocess.run(
            [program, *words, "--api-base", world.root],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        answer: dict[str, Any] = json.loads(ended.stdout[ended.stdout.index("{") :])
        return answer

    return ask


def test_it_finds_changes_and_cancels_a_subscription(run: Run, world: World) -> None:
    bought = world.buy("ada@example.com")
    found = run("get", f"/v1/subscriptions/{bought.id}")
    assert (found["status"], found["customer"]) == ("active", bought.customer)
    assert run("customers", "list", "--email", "ada@example.com")["data"][0]["id"] == bought.customer
    changed = run(
        "subscriptions", "update", bought.id, "-d", "metadata[a]=b", "-d", "cancel_at_period_end=true"
    )
    assert (changed["metadata"], changed["cancel_at_period_end"]) == ({"a": "b"}, True)
    assert run("subscriptions", "cancel", bought.id, "--confirm")["status"] == "canceled"
    assert world.subscription(bought.id).status == "canceled"
    assert run("get", "/v1/subscriptions/sub_no")["error"]["code"] == "resource_missing"


def test_it_makes_and_lists_what_is_sold(run: Run) -> None:
    product = run("products", "create", "--name", "Moltbot")
    price = run(
        "prices", "create", "--currency", "usd", "--unit-amount", "8999", "--product", product["id"],
        "-d", "recurring[interval]=month",
    )  # fmt: skip
    assert price["recurring"]["interval"] == "month"
    assert [one["id"] for one in run("prices", "list")["data"]] == [price["id"]]


def test_it_sends_an_event_again(run: Run, world: World) -> None:
    world.listen(events=["checkout.session.completed"])
    world.buy()
    world.delivered()
    (event,) = world.client.v1.events.list({"type": "checkout.session.completed"}).data
    assert run("events", "resend", event.id)["id"] == event.id
    assert world.delivered() == ["checkout.session.completed"] * 2
