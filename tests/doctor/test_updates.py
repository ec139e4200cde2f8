"""What doctor says of servers that are behind today's playbooks and settings."""

from pathlib import Path

import pytest

from provisioner.customers.parts.setup import Pause
from provisioner.customers.record import Customer
from provisioner.doctor.findings import Findings, Trouble
from provisioner.doctor.updates import look_who_is_behind
from provisioner.runs.behind import WantedParts
from provisioner.settings import MoltbotSettings, PlanSettings, Settings
from provisioner.workspace import Workspace, init_workspace
from tests.steps.support import new_record


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path)
    return workspace


def customers(number: int, applied: object = None, **changes: object) -> list[Customer]:
    moltbot = {"installed": True, "version": "2026.9.6", "dropletId": "7", "applied": applied}
    setup = {"status": "complete", "droplet": {"id": "7"}, "moltbot": moltbot}
    return [
        new_record(**{"email": f"c{one}@example.com", "status": "active", "setup": setup, **changes}).customer
        for one in range(number)
    ]


def examined(workspace: Workspace, here: list[Customer], settings: Settings | None = None) -> list[Trouble]:
    found = Findings()
    look_who_is_behind(workspace, settings or Settings(), here, found)
    return found.noted


def test_those_who_are_behind_in_the_same_stand_in_one_line(workspace: Workspace) -> None:
    applied = dict(WantedParts(workspace, Settings()).of(new_record().customer))
    other = Settings(moltbot=MoltbotSettings(model="anthropic/claude-haiku-5"))

    [found] = examined(workspace, customers(5, applied), other)

    assert found.whom == "c0@example.com, c1@example.com, c2@example.com and 2 more"
    assert "the settings want anthropic/claude-haiku-5" in found.problem
    assert found.hint == "provisioner apply --all --plan"
    assert found.severity == "advice"


def test_one_alone_is_named_with_the_command(workspace: Workspace) -> None:
    [found] = examined(workspace, customers(1))

    assert found.problem.endswith("what it was set up with is not known")
    assert found.hint == "provisioner apply c0@example.com"


def test_who_is_up_to_date_or_whose_assistant_does_not_run_is_in_no_line(workspace: Workspace) -> None:
    applied = dict(WantedParts(workspace, Settings()).of(new_record().customer))

    assert examined(workspace, customers(2, applied)) == []
    assert examined(workspace, customers(2, status="cancelled")) == []
    assert examined(workspace, customers(2, setup={"status": "pending"})) == []
    (paused,) = customers(1)
    pause = {"pause": Pause.model_validate({"requestedAt": "2026-01-29T05:54:00Z"})}
    paused = paused.model_copy(update={"setup": paused.setup.model_copy(update=pause)})
    assert examined(workspace, [paused]) == []


def test_a_playbook_that_cannot_be_read_is_said(workspace: Workspace) -> None:
    folder = workspace.playbooks_dir / "moltbot"
    folder.mkdir(parents=True)
    (folder / "playbook.yaml").touch()
    (folder / "a_file").symlink_to("/proc/self/mem")

    [found] = examined(workspace, customers(1))

    assert found.kind == "settings"


def test_each_is_behind_what_they_themselves_are_to_have(workspace: Workspace) -> None:
    """Of two with the same server, the one whose price has a plan with another model is behind."""
    applied = dict(WantedParts(workspace, Settings()).of(new_record().customer))
    plan = PlanSettings(model="anthropic/claude-haiku-5")
    (usual,) = customers(1, applied)
    (planned,) = customers(1, applied, email="p@example.com", subscription={"stripePriceId": "price_small"})

    [found] = examined(workspace, [usual, planned], Settings(plans={"price_small": plan}))

    assert found.whom == "p@example.com"
    assert found.problem.endswith("and the plan of price_small wants anthropic/claude-haiku-5")
