"""What the model's provider refuses is said before a droplet is paid for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from provisioner.customers.new import SignUp
from provisioner.customers.new import new_record as sign_up
from provisioner.errors import InputError
from provisioner.runs.planning import plan
from provisioner.runs.runner import Runner
from provisioner.sandbox.model.app import Model, model_app
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.steps.moltbot import Moltbot
from provisioner.workspace import Workspace, init_workspace
from tests.runs.test_runner import FakeStep
from tests.serving import serving
from tests.steps.support import new_record, workflow

EMAIL = "customer@example.com"
KEY = "sk-ant-api03-right-and-long-enough"
CONTACT = {"contact": "help@example.com"}
WRONG = "sk-ant-api03-wrong-and-long-enough"


@dataclass
class Provider:
    model: Model
    root: str

    def settings(self, **changes: Any) -> Settings:
        known = {
            "anthropic_key": KEY,
            "anthropic_base_url": self.root,
            "operator": {"contact": "help@example.com"},
        }
        return Settings.model_validate({**known, **changes})

    def refusals(self, **changes: Any) -> list[str]:
        settings = self.settings(**changes)
        return Moltbot().refusals(settings, Services(settings), new_record().customer)


@pytest.fixture
def provider() -> Iterator[Provider]:
    model = Model(keys=frozenset({KEY}))
    with serving(model_app(model)) as root:
        yield Provider(model, root)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path / "workspace")
    workspace.store().add(sign_up(SignUp(EMAIL, "sub_1")))
    return workspace


def test_a_good_key_and_a_known_model_are_no_refusal(provider: Provider) -> None:
    assert provider.refusals() == []


def test_a_wrong_key_ends_a_run_before_its_first_effect(provider: Provider, workspace: Workspace) -> None:
    droplet, before = FakeStep("droplet"), workspace.store().read(EMAIL).data
    settings = provider.settings(anthropic_key=WRONG)
    runner = Runner(workspace, settings, lambda _: None, workflow=workflow(droplet, Moltbot()))

    with pytest.raises(InputError) as refused:
        runner.run(EMAIL)

    assert refused.value.exit_code == 2
    assert "put it into ANTHROPIC_API_KEY (it refuses the key: invalid x-api-key)" in str(refused.value.hint)
    assert WRONG not in str(vars(refused.value))
    assert workspace.store().read(EMAIL).data == before


def test_a_plan_says_what_a_run_would_be_refused_for(provider: Provider, workspace: Workspace) -> None:
    settings = provider.settings(moltbot={"model": "anthropic/claude-sonet-5"})

    made = plan(workspace, settings, EMAIL, lambda _: None, workflow=workflow(Moltbot()))

    assert made.missing
    assert "it has no model claude-sonet-5 for this key" in made.steps[0].missing[0]


def test_an_address_that_is_none_is_refused(provider: Provider) -> None:
    (refusal,) = provider.refusals(anthropic_base_url="api.anthropic.com")

    assert "ANTHROPIC_BASE_URL is not an address" in refusal


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", None])
def test_a_provider_that_this_machine_cannot_ask_stops_nobody(address: str | None) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    app = Starlette(routes=[Route("/{path:path}", lambda _: JSONResponse(overloaded, 529))])
    with serving(app) as root:
        settings = Settings.model_validate({"anthropic_key": KEY, "anthropic_base_url": address or root})
        assert Moltbot().refusals(settings, Services(settings), new_record().customer) == []


def test_a_fleet_asks_once(provider: Provider) -> None:
    settings = provider.settings(anthropic_key=WRONG)
    services, customer = Services(settings), new_record().customer

    def ask(_: int) -> list[str]:
        return Moltbot().refusals(settings, services, customer)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(20)))

    assert len(provider.model.requests) == 1
    assert answers == [answers[0]] * 20
    assert answers[0]


def test_a_model_that_a_plan_wants_and_the_provider_has_not_is_changed_in_the_plan(
    provider: Provider,
) -> None:
    settings = provider.settings(plans={"price_big": {"model": "anthropic/claude-opus-9"}})
    record = new_record(subscription={"stripePriceId": "price_big"})

    (refusal,) = Moltbot().refusals(settings, Services(settings), record.customer)

    assert refusal.startswith('set model = "anthropic/…" under [plans."price_big"] in provisioner.toml')
    assert "it has no model claude-opus-9" in refusal


@pytest.mark.parametrize("model", ["openai/gpt-6", "anthropic-proxy/claude-sonnet-5"])
def test_another_providers_model_is_missing_its_key(model: str) -> None:
    known = {"anthropic_key": KEY, "operator": CONTACT}
    settings = Settings.model_validate({**known, "moltbot": {"model": model}})

    (need,) = Moltbot().needs(settings, new_record().customer)

    assert f"{model} is another provider's" in need
