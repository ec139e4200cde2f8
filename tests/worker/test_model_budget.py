"""The worker asks what keys have spent: what was said of a budget reaches the operator once a month."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.parts.setup import ModelKey
from provisioner.settings import Settings
from provisioner.timestamps import present
from provisioner.worker.alerts import Alerts
from provisioner.worker.loop import Worker
from provisioner.workspace import Workspace, init_workspace
from tests.openrouters import ServedAccount, openrouter

EMAIL = "ada@example.com"


@dataclass
class Stage:
    workspace: Workspace
    router: ServedAccount
    worker: Worker
    alerts: Alerts

    def turn(self) -> None:
        """Rounds, with all that was begun in one ended before the next."""
        for _ in range(3):
            self.worker.round()
            self.worker.fleet.drain()

    def tell(self) -> list[str]:
        """What is sent to the operator now."""
        sent: list[str] = []
        assert self.alerts.send({"mail": lambda _, text: sent.append(text)}) == []
        return sent

    @property
    def own(self) -> ModelKey:
        return self.workspace.store().read(EMAIL).customer.setup.model_key

    def another_look(self) -> None:
        """As when the time has come."""
        with self.workspace.store().edit(EMAIL) as record:
            record.set("setup.modelKey.checkedAt", None)
        self.turn()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    workspace, _ = init_workspace(tmp_path / "workspace")
    with openrouter() as router:
        key = router.account.add("ours", Decimal(20), "monthly")
        record = new_record(SignUp(EMAIL, "sub_1"))
        own = {"name": key.name, "requestedAt": "2026-01-01T00:00:00Z", "hash": key.hash, "limit": 2000}
        record.update({"status": "active", "setup.status": "complete", "setup.modelKey": own})
        workspace.store().add(record)
        alerts = Alerts(workspace.state_dir / "worker")
        worker = Worker(workspace, Settings.model_validate(router.settings), alerts, lambda _: None)
        yield Stage(workspace, router, worker, alerts)


def test_the_operator_hears_of_each_part_once(stage: Stage) -> None:
    month = f"{datetime.fromtimestamp(stage.router.clock.time(), UTC):%Y-%m}"
    stage.router.spend("2")
    stage.turn()
    assert stage.own.spend == {month: 200}
    assert stage.own.checked_at
    assert stage.tell() == []

    stage.router.spend("15")
    stage.turn()
    # It was looked at just now.
    assert stage.own.spend == {month: 200}
    stage.another_look()
    [said] = stage.tell()
    assert said.startswith(f"{EMAIL}: 80 % of this month's $20 for the model are spent ($17.00)")
    assert f"provisioner model-key {EMAIL} --budget DOLLARS" in said
    stage.router.spend("3")
    stage.another_look()
    stage.another_look()

    [said] = stage.tell()
    assert said.startswith(f"{EMAIL}: 100 % of this month's $20")
    assert stage.tell() == []


def test_a_raised_budget_reaches_the_provider_by_itself(stage: Stage) -> None:
    stage.turn()
    with stage.workspace.store().edit(EMAIL) as record:
        record.set("setup.modelKey.budget", 40)

    stage.turn()

    [key] = stage.router.keys
    assert key.limit == 40


def test_a_provider_that_is_down_is_asked_again_later(stage: Stage) -> None:
    stage.router.fault("status", "GET", count=None, status=403)

    stage.turn()

    retry = stage.workspace.store().read(EMAIL).customer.retry
    assert retry is not None
    assert (retry.workflow, retry.failures) == ("model-key", 1)
    assert present() < datetime.fromisoformat((retry.not_before or "").replace("Z", "+00:00"))
    stage.router.book.clear()
    with stage.workspace.store().edit(EMAIL) as record:
        record.set("retry", None)
    stage.turn()
    assert stage.own.checked_at
