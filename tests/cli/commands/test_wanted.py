"""What a customer is to have, as `show` and `plan` say it."""

import json

import pytest

from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke

EMAIL = "ada@example.com"
PLAN = '[plans."price_big"]\nsize = "s-2vcpu-4gb"\nmodel = "anthropic/claude-opus-5"\n'
SAID = (
    "size s-2vcpu-4gb (the plan of price_big), region fra1 (the record), "
    "model anthropic/claude-opus-5 (the plan of price_big), version 2026.9.6 (the settings)"
)


@pytest.fixture(autouse=True)
def _ada(invoke: Invoke, workspace: Workspace) -> None:
    settings = workspace.root / "provisioner.toml"
    settings.write_text(f"{settings.read_text('utf-8')}\n{PLAN}", "utf-8")
    assert invoke("add", EMAIL, "sub_1", "--price-id", "price_big").code == 0
    assert invoke("update", EMAIL, "setup.droplet.region", "fra1").code == 0


def test_a_record_is_shown_with_where_each_comes_from(invoke: Invoke) -> None:
    assert SAID in " ".join(invoke("show", EMAIL).out.split())
    wanted = json.loads(invoke("show", EMAIL, "--json").out)["wanted"]
    assert wanted["size"] == {"value": "s-2vcpu-4gb", "from": "plan", "price": "price_big"}
    assert wanted["region"] == {"value": "fra1", "from": "record", "price": None}


def test_a_plan_says_it_first(invoke: Invoke) -> None:
    planned = invoke("plan", EMAIL)

    assert SAID in " ".join(planned.out.split())
    assert json.loads(invoke("plan", EMAIL, "--json").out)["wanted"]["model"]["from"] == "plan"


def test_settings_that_cannot_be_read_hide_no_record(invoke: Invoke, workspace: Workspace) -> None:
    (workspace.root / "provisioner.toml").write_text("[droplet\n", "utf-8")

    shown = invoke("show", EMAIL)

    assert shown.code == 0
    assert EMAIL in shown.out
    assert "to have" not in shown.out


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("setup.moltbot.model", "claude"),
        ("setup.moltbot.pinnedVersion", "latest"),
        ("setup.droplet.size", "S 1"),
        ("setup.droplet.region", "Frankfurt"),
    ],
)
def test_a_slip_in_what_somebody_is_to_have_is_refused(invoke: Invoke, field: str, value: str) -> None:
    refused = invoke("update", EMAIL, field, value)

    assert refused.code == 2
    assert "such as" in refused.err
