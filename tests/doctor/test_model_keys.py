"""What `doctor` says of the key for the model, and of sharing it."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.doctor import model_keys as doctor_model
from provisioner.doctor.examination import Doctor
from provisioner.doctor.findings import Diagnosis
from provisioner.sandbox.model.app import Model, model_app
from provisioner.settings import Settings
from provisioner.workspace import Workspace, init_workspace
from tests.doctor.hints import check_hint
from tests.openrouters import ServedAccount, openrouter
from tests.serving import serving

EMAIL = "ada@example.com"
KEY = "sk-ant-api03-right-and-long-enough"
WRONG = "sk-ant-api03-wrong-and-long-enough"


@dataclass
class Stage:
    workspace: Workspace
    model: Model
    values: dict[str, Any] = field(default_factory=dict)

    def set(self, **fields: object) -> None:
        with self.workspace.store().edit(EMAIL) as record:
            for path, value in fields.items():
                record.set(path.replace("__", "."), value)

    @property
    def customer(self) -> Customer:
        return self.workspace.store().read(EMAIL).customer

    def examine(self) -> Diagnosis:
        key = self.workspace.ssh_dir / "id_ed25519"
        settings = Settings.model_validate({"ssh": {"key": key}, **self.values})
        return Doctor(self.workspace, settings, None, lambda _: None).examine()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    workspace, _ = init_workspace(tmp_path / "workspace")
    workspace.store().add(new_record(SignUp(EMAIL, "sub")))
    model = Model(keys=frozenset({KEY}))
    with serving(model_app(model)) as root:
        yield Stage(workspace, model, {"anthropic_key": KEY, "anthropic_base_url": root})


Harm = Callable[[Stage], object]
HARMS: dict[str, tuple[Harm, str, str, str, str]] = {
    "wrong key": (
        lambda s: s.values.update(anthropic_key=WRONG),
        "model",
        "ANTHROPIC_API_KEY",
        "it refuses the key: invalid x-api-key",
        "put it into ANTHROPIC_API_KEY",
    ),
    "unknown model": (
        lambda s: s.values.update(moltbot={"model": "anthropic/claude-sonet-5"}),
        "model",
        "[moltbot] model",
        "it has no model claude-sonet-5",
        "set [moltbot] model in provisioner.toml",
    ),
    "another provider's model": (
        lambda s: s.values.update(moltbot={"model": "openai/gpt-6"}),
        "settings",
        "[moltbot] model",
        "openai/gpt-6 is no model of anthropic",
        "anthropic/…",
    ),
    "nobody there": (
        lambda s: s.values.update(anthropic_base_url="http://127.0.0.1:9"),
        "model",
        "ANTHROPIC_API_KEY",
        "http://127.0.0.1:9 did not answer",
        "again in a minute",
    ),
    "no address": (
        lambda s: s.values.update(anthropic_base_url="api.anthropic.com"),
        "model",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL is not an address",
        "look at ANTHROPIC_BASE_URL",
    ),
}


def test_a_good_key_is_asked_about_once_and_the_model_says_nothing(stage: Stage) -> None:
    diagnosis = stage.examine()

    assert "model key" in diagnosis.looked
    assert [finding for finding in diagnosis.findings if finding.kind == "model"] == []
    assert [(seen.method, seen.path) for seen in stage.model.requests] == [
        ("GET", "/v1/models/claude-sonnet-5")
    ]


@pytest.mark.parametrize("name", sorted(HARMS))
def test_each_harm_is_found_with_what_to_do(stage: Stage, name: str) -> None:
    harm, kind, whom, problem, hint = HARMS[name]
    harm(stage)

    (trouble,) = [one for one in stage.examine().troubles if one.whom == whom]

    assert trouble.kind == kind
    assert problem in trouble.problem
    assert hint in trouble.hint
    assert check_hint(trouble.hint) == []
    assert KEY not in str(trouble)
    assert WRONG not in str(trouble)


def test_a_page_of_something_on_the_way_does_not_blame_the_key(stage: Stage) -> None:
    app = Starlette(routes=[Route("/{path:path}", lambda _: HTMLResponse("<html>Sign in", 401))])
    with serving(app) as root:
        stage.values["anthropic_base_url"] = root
        (trouble,) = [one for one in stage.examine().troubles if one.kind == "model"]

    assert "an answer that is not the API's (status 401)" in trouble.problem
    assert "make a key" not in trouble.hint


def test_a_provider_that_never_answers_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_model, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stage.values["anthropic_base_url"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (trouble,) = [one for one in stage.examine().troubles if one.kind == "model"]

    assert "no whole answer within 0.2 s" in trouble.problem


def test_the_one_key_that_all_servers_hold_is_an_advice_and_no_trouble(stage: Stage) -> None:
    assert stage.examine().advice == ()
    stage.set(setup__droplet__id="1", setup__moltbot__installed=True, setup__moltbot__version="1")

    diagnosis = stage.examine()

    (advice,) = [one for one in diagnosis.advice if one.kind == "model"]
    assert (advice.kind, advice.whom, advice.severity) == ("model", "ANTHROPIC_API_KEY", "advice")
    assert "every server holds this one key" in advice.problem
    assert "monthly limit" in advice.hint
    assert advice not in diagnosis.troubles


def test_those_who_left_hold_no_key_of_ours(stage: Stage) -> None:
    stage.set(setup__droplet__id="1", setup__moltbot__installed=True, setup__moltbot__version="1")
    stage.set(status="cancelled")

    assert stage.examine().advice == ()


@pytest.fixture
def own(stage: Stage) -> Iterator[ServedAccount]:
    """The account of the customers' own keys, with Ada's in it."""
    with openrouter() as router:
        stage.values.update(router.settings)
        key = router.account.add(f"{stage.workspace.mark()} {stage.customer.id}", Decimal(20), "monthly")
        given = {"name": key.name, "requestedAt": "2026-02-01T00:00:00Z", "hash": key.hash}
        stage.set(setup__modelKey=given)
        yield router


def test_keys_that_records_have_and_enough_credit_are_in_order(stage: Stage, own: ServedAccount) -> None:
    own.account.add("somebody else's", None, None)

    diagnosis = stage.examine()

    assert "model keys" in diagnosis.looked
    assert "model key" not in diagnosis.looked
    assert [one for one in diagnosis.findings if one.kind == "model"] == []
    assert not [one for one in diagnosis.findings if "ANTHROPIC" in one.whom]


OwnHarm = Callable[[Stage, ServedAccount], object]
OWN_HARMS: dict[str, tuple[OwnHarm, str, str]] = {
    "a wrong management key": (
        lambda s, _: s.values.update(openrouter_management_key="sk-or-v1-wrong"),
        "it refuses the management key",
        "put it into OPENROUTER_MANAGEMENT_KEY",
    ),
    "no credit": (
        lambda _, r: setattr(r.account, "credit", Decimal(0)),
        "the credit is spent",
        "auto top-up",
    ),
    "a key that is gone": (
        lambda _, r: r.account.keys.clear(),
        "not at the provider any more",
        "provisioner provision ada@example.com",
    ),
    "a key that no record has": (
        lambda s, r: r.account.add(f"{s.workspace.mark()} cust_0", None, None),
        "a key for the model that no record has",
        "delete it in OpenRouter's settings",
    ),
    "a key that was lost on its way": (
        lambda s, _: s.set(setup__modelKey__hash=None),
        "a key for the model that no record has",
        "provisioner provision ada@example.com",
    ),
    "a lost key of a rotation": (
        lambda s, r: s.set(
            setup__rotation={"kind": "model-key", "requestedAt": "2026-02-01T00:00:00Z"},
            setup__modelKey__replacement={
                "old": r.account.add(f"{s.workspace.mark()} {s.customer.id}", None, None).hash[::-1]
            },
        ),
        "a key for the model that no record has",
        "provisioner rotate model-key ada@example.com",
    ),
    "a key of who is archived": (
        lambda s, _: s.workspace.store().archive(EMAIL),
        "still at the provider",
        "delete it in OpenRouter's settings",
    ),
}


@pytest.mark.parametrize("name", sorted(OWN_HARMS))
def test_each_harm_to_own_keys_is_found(stage: Stage, own: ServedAccount, name: str) -> None:
    harm, problem, hint = OWN_HARMS[name]
    harm(stage, own)

    (trouble,) = [one for one in stage.examine().troubles if one.kind == "model"]

    assert problem in trouble.problem
    assert hint in trouble.hint
    check_hint(trouble.hint)


def test_little_credit_is_an_advice(stage: Stage, own: ServedAccount) -> None:
    own.account.credit = Decimal("4.99")

    (advice,) = [one for one in stage.examine().advice if one.kind == "model"]

    assert "$4.99 of credit is left, and all customers together may spend $20" in advice.problem


def test_a_model_of_another_provider_does_not_fit_own_keys(stage: Stage, own: ServedAccount) -> None:
    stage.values["moltbot"] = {"model": "anthropic/claude-sonnet-5"}

    (trouble,) = [one for one in stage.examine().troubles if one.whom == "[moltbot] model"]

    assert "is no model of openrouter" in trouble.problem
    assert "openrouter/…" in trouble.hint
    assert len(own.keys) == 1
