"""`model-key` and `rotate model-key`: what they ask for, show and refuse."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from provisioner.services.factory import Services
from tests.backups.assistants import EMAIL, Site, site
from tests.cli.conftest import Invoke
from tests.openrouters import ServedAccount, openrouter
from tests.steps.support import workflow
from tests.steps.test_model_key import Ensure


@pytest.fixture
def ada(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Site, ServedAccount]]:
    with openrouter() as router, site(tmp_path / "site", **router.settings) as found:
        found.services = Services(found.settings)
        monkeypatch.setenv("PROVISIONER_WORKSPACE", str(found.workspace.root))
        monkeypatch.setattr("provisioner.settings.load_settings", lambda _: found.settings)
        yield found, router


def test_shown_raised_stopped_and_started(ada: tuple[Site, ServedAccount], invoke: Invoke) -> None:
    found, router = ada
    found.run(workflow(Ensure()))
    [key] = router.keys
    router.spend("4.56")

    shown = invoke("model-key", EMAIL)
    assert shown.code == 0, shown.err
    assert f"{EMAIL}: $4.56 of $20 spent this month; the key is in use" in shown.err
    raised = invoke("model-key", EMAIL, "--budget", "40", "--json")
    [customer] = json.loads(raised.out)["customers"]
    own = customer["modelKey"]
    assert (own["budgetCents"], own["spentCents"], own["limitCents"]) == (4000, 456, 4000)
    assert (own["hash"], key.limit) == (key.hash, Decimal(40))
    assert key.secret not in raised.out + raised.err
    assert "the key is stopped" in invoke("model-key", EMAIL, "--stop").err
    assert router.answers(key.secret) == 401
    assert "the key is in use" in invoke("model-key", EMAIL, "--start").err
    assert router.answers(key.secret) == 200
    assert invoke("model-key", EMAIL, "--stop", "--start").code == 2
    assert invoke("model-key", EMAIL, "--budget", "0").code == 2


def test_who_has_no_key_of_their_own(ada: tuple[Site, ServedAccount], invoke: Invoke) -> None:
    assert f"{EMAIL}: no key of their own" in invoke("model-key", EMAIL).err
    budget = invoke("model-key", EMAIL, "--budget", "40")
    assert (budget.code, "would have $40 a month" in budget.err) == (0, True)
    refused = invoke("model-key", EMAIL, "--stop")
    assert (refused.code, "they have no key of their own" in refused.err) == (2, True)
    refused = invoke("rotate", "model-key", EMAIL)
    assert (refused.code, "their assistant uses ANTHROPIC_API_KEY" in " ".join(refused.err.split())) == (
        2,
        True,
    )
    nobody = invoke("rotate", "model-key", "--all")
    assert (nobody.code, "There is nobody who has one." in nobody.err) == (0, True)
    assert invoke("rotate", "model-key").code == 2
    assert ada[1].keys == []
