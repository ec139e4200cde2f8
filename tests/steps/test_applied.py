"""In what a server is behind, as its marks say."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from provisioner.secrets import mark_of
from provisioner.settings import ModelKeySettings, MoltbotSettings, OperatorSettings, Settings
from provisioner.steps.applied import asks_anew, differences, wanted_parts

KEY = "sk-ant-api03-first"
CHANNEL = {"telegram": {"api_root": "https://api.telegram.org"}}


def parts(search: Path | None = None, **changes: Any) -> dict[str, str]:
    settings = Settings(anthropic_key=SecretStr(KEY)).model_copy(update=changes)
    return wanted_parts(settings, [search] if search else [], CHANNEL)


NOW = parts()


def test_a_server_of_today_is_behind_in_nothing() -> None:
    assert differences(NOW, parts()) == []
    assert not asks_anew(NOW, parts())


def test_it_has_the_keys_mark_and_not_the_key() -> None:
    assert NOW["modelKey"] == mark_of(KEY)
    assert KEY not in str(NOW)


@pytest.mark.parametrize(
    ("changes", "said", "anew"),
    [
        ({"anthropic_key": SecretStr("sk-ant-api03-second")}, "the model's key is another one", True),
        (
            {"moltbot": MoltbotSettings(model="anthropic/claude-haiku-5")},
            "the model is anthropic/claude-sonnet-5, and the settings want anthropic/claude-haiku-5",
            True,
        ),
        (
            {"operator": OperatorSettings(name="Grace")},
            "changed: moltbot (playbook or settings)",
            False,
        ),
    ],
)
def test_a_changed_setting_is_named(changes: dict[str, Any], said: str, anew: bool) -> None:
    wanted = parts(**changes)

    assert differences(NOW, wanted) == [said]
    assert asks_anew(NOW, wanted) is anew


@pytest.mark.parametrize("name", ["server", "openclaw", "moltbot", "telegram"])
def test_a_changed_playbook_of_the_workspace_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "playbook.yaml").write_text("another one\n", "utf-8")

    assert differences(NOW, parts(tmp_path)) == [f"changed: {name} (playbook or settings)"]


def test_all_that_differs_stands_together() -> None:
    wanted = {**NOW, "server": "another", "telegram": "another", "modelKey": "another"}
    words = ["changed: server, telegram (playbook or settings)", "the model's key is another one"]
    assert differences(NOW, wanted) == words


def test_another_version_of_the_software_is_no_difference_because_nothing_replaces_it() -> None:
    settings = MoltbotSettings(version="2026.9.5")
    assert differences(NOW, parts(moltbot=settings)) == []


def test_of_a_server_without_a_mark_nothing_is_known() -> None:
    assert differences(None, NOW) == ["what it was set up with is not known"]
    assert asks_anew(None, NOW)


def test_it_is_said_who_wants_another_model() -> None:
    wanted = {**NOW, "model": "anthropic/claude-opus-5"}

    [said] = differences(NOW, wanted, "the plan of price_big")

    assert said.endswith("and the plan of price_big wants anthropic/claude-opus-5")


def test_a_key_of_the_customers_own_is_another_for_each_and_no_difference() -> None:
    changes: dict[str, Any] = {
        "model_keys": ModelKeySettings(provider="openrouter"),
        "moltbot": MoltbotSettings(model="openrouter/anthropic/claude-sonnet-5"),
    }
    own = parts(**changes)

    assert differences(own, parts(**changes, anthropic_key=SecretStr("sk-ant-another"))) == []
    [model, key] = differences(NOW, own)[-2:]
    assert "want openrouter/anthropic/claude-sonnet-5" in model
    assert key == "the model's key is the shared one, and the settings want one of the customer's own"
    assert differences(own, NOW)[-1].endswith("is the customer's own, and the settings want the shared one")
    assert asks_anew(NOW, own)
