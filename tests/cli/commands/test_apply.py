"""`apply`: who is behind, in what, and what comes of it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from provisioner.errors import RemoteError
from provisioner.runs.fleet import JobResult
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def installed(invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two who have an assistant of an older time, and one who has none; whom a run is begun for is noted."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-first")
    for email in (ADA, BOB, "new@example.com"):
        assert invoke("add", email, f"sub_{email[:3]}").code == 0
    for email in (ADA, BOB):
        with workspace.store().edit(email) as record:
            record.update(
                {
                    "status": "active",
                    "setup.droplet.id": "7" if email == ADA else "8",
                    "setup.moltbot.installed": True,
                    "setup.moltbot.version": "2026.9.6",
                }
            )
    begun: list[str] = []

    def run_all(_: Any, customers: Sequence[str], *__: Any, **___: Any) -> list[JobResult]:
        begun.extend(customers)
        error = RemoteError("bring the server up to date", whom=customers[0], cause="no answer in time")
        return [JobResult(who, refusal=error if who == ADA else None) for who in customers]

    monkeypatch.setattr("provisioner.runs.fleet.Fleet.run_all", run_all)
    return begun


def test_the_plan_says_who_is_behind_and_touches_nobody(invoke: Invoke, installed: list[str]) -> None:
    shown = invoke("apply", "--all", "--plan")
    document = json.loads(invoke("apply", "--all", "--plan", "--json").out)

    assert shown.code == 0
    assert "what it was set up with is not known" in shown.out
    assert "2 of 2 servers would be brought up to date" in shown.err
    assert [one["email"] for one in document["customers"]] == [ADA, BOB]
    assert installed == []


def test_a_failure_leaves_the_others_untouched_and_says_how_to_go_on(
    invoke: Invoke, installed: list[str]
) -> None:
    ended = invoke("apply", "--all")

    assert ended.code == 1
    assert installed == [ADA]
    said = " ".join(ended.err.split())
    assert (
        f"1 server was not touched, because one before failed. When that is mended: provisioner apply {BOB}"
        in said
    )


def test_canaries_are_as_many_as_is_said(invoke: Invoke, installed: list[str]) -> None:
    document = json.loads(invoke("apply", "--all", "--canary", "2", "--json").out)

    assert installed == [ADA, BOB]
    assert document["untouched"] == []


def test_who_is_not_behind_is_left_alone(invoke: Invoke, workspace: Workspace, installed: list[str]) -> None:
    from provisioner.runs.behind import WantedParts
    from provisioner.settings import load_settings

    wanted = WantedParts(workspace, load_settings(workspace.root))
    with workspace.store().edit(BOB) as record:
        record.update({"setup.moltbot.applied": dict(wanted.of(record.customer))})

    ended = invoke("apply", BOB)
    again = invoke("apply", BOB, "--again")

    assert (ended.code, ended.err.strip()) == (0, "Every server is up to date.")
    assert again.code == 0
    assert installed == [BOB]


def test_whom_is_said(invoke: Invoke) -> None:
    assert invoke("apply").code == 2
    assert invoke("apply", ADA, "--all").code == 2
    assert invoke("apply", ADA).code == 2
