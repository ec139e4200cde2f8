"""The scenarios of billing-e2e, which know what Stripe does: renewal, dunning, changes of plan, bad cards."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from billing_e2e.runner import Runner
from billing_e2e.scenario import Config, load_scenario

from tests.stripes import KEY, World

SCENARIOS = sorted(Path(str(files("billing_e2e"))).glob("scenarios/*.yml"))


def _price(world: World, name: str, cents: int) -> str:
    made = world.client.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": cents,
            "recurring": {"interval": "month"},
            "product_data": {"name": name},
        }
    )
    return made.id


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_goes_as_with_stripe(world: World, path: Path) -> None:
    prices = {"monthly_price": _price(world, "Small", 4900), "upgrade_price": _price(world, "Large", 8999)}
    steps: list[Any] = []
    with httpx.Client(verify=False) as http:
        config = Config(stripe_key=KEY, vars=prices)
        result = Runner(config, world.client, http=http).run(load_scenario(path), on_step=steps.append)
    assert result.passed, [
        f"{step.label}: {step.detail}" for step in steps if not step.passed
    ] + result.errors


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) == 5
