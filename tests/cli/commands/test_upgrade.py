"""`upgrade`: who gets another version, who does not, and what comes of it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from provisioner.errors import RemoteError
from provisioner.runs.fleet import JobResult
from provisioner.runs.workflow import PROVISION, Workflow
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke

ADA, BOB, CYN = "ada@example.com", "bob@example.com", "cyn@example.com"
VERSIONS = {ADA: "2026.9.5", BOB: "2026.9.5", CYN: "2026.9.7"}


@pytest.fixture
def begun(invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Two who have an older version, and one who has a newer one; each run that is begun is noted."""
    for number, (email, version) in enumerate(VERSIONS.items()):
        assert invoke("add", email, f"sub_{number}").code == 0
        with workspace.store().edit(email) as record:
            record.update(
                {
                    "status": "active",
                    "setup.droplet.id": str(number),
                    "setup.moltbot.installed": True,
                    "setup.moltbot.version": version,
                }
            )
    runs: list[tuple[str, str]] = []

    def run_all(
        _: Any, customers: Sequence[str], workflow: Workflow = PROVISION, **__: Any
    ) -> list[JobResult]:
        runs.extend((who, workflow.name) for who in customers)
        error = RemoteError("upgrade the assistant", whom=ADA, cause="2026.9.6: it does not start")
        return [JobResult(who, refusal=error if who == ADA else None) for who in customers]

    monkeypatch.setattr("provisioner.runs.fleet.Fleet.run_all", run_all)
    return runs


def under_way(workspace: Workspace, email: str, **changes: object) -> None:
    with workspace.store().edit(email) as record:
        request = {"version": "2026.9.6", "requestedAt": "2026-11-28T00:00:00Z", **changes}
        record.update({"setup.upgrade": request})


def test_the_plan_says_who_would_be_upgraded_and_touches_nobody(
    invoke: Invoke, begun: list[tuple[str, str]]
) -> None:
    shown = invoke("upgrade", "--all", "--version", "2026.9.6", "--plan")
    document = json.loads(invoke("upgrade", "--all", "--version", "2026.9.6", "--plan", "--json").out)

    assert shown.code == 0
    assert "2 of 3 servers would be upgraded to 2026.9.6" in shown.err
    assert "stay: it is newer" in shown.out
    assert {one["email"]: one["would"] for one in document["customers"]} == {
        ADA: "upgrade",
        BOB: "upgrade",
        CYN: "none",
    }
    assert begun == []


def test_a_failure_leaves_the_others_untouched_and_says_how_to_go_on(
    invoke: Invoke, begun: list[tuple[str, str]]
) -> None:
    ended = invoke("upgrade", "--all", "--version", "2026.9.6")

    assert ended.code == 1
    assert begun == [(ADA, "upgrade")]
    said = " ".join(ended.err.split())
    assert f"When that is mended: provisioner upgrade {BOB} --version 2026.9.6" in said
    assert f"because a newer version runs there: {CYN}" in said


def test_the_settings_say_which_version_where_the_command_does_not(
    invoke: Invoke, workspace: Workspace, begun: list[tuple[str, str]]
) -> None:
    document = json.loads(invoke("upgrade", "--all", "--plan", "--json").out)
    assert document["wanted"] == "2026.9.6"

    under_way(workspace, BOB, version="2026.9.7")
    assert json.loads(invoke("upgrade", BOB, "--plan", "--json").out)["wanted"] == "2026.9.7"
    assert begun == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("upgrade", "--all", "--version", "latest"), "'latest' is no version"),
        (("upgrade", "--all", "--version", "2026.9.6;id"), "is no version"),
        (("upgrade", "--all", "--version", "2026.1.24"), "the least that is supported"),
        (("upgrade", CYN, "--version", "2026.9.6"), "2026.9.7 runs there, and 2026.9.6 is older"),
        (("upgrade", "--version", "2026.9.6"), "whom is not clear"),
        (("upgrade", ADA, "--reboot"), "what is wanted is not clear"),
        (("upgrade", ADA, "--security-only", "--version", "2026.9.6"), "what is wanted is not clear"),
    ],
)
def test_what_cannot_be_is_refused_before_anything(
    invoke: Invoke, begun: list[tuple[str, str]], words: tuple[str, ...], said: str
) -> None:
    ended = invoke(*words)

    assert ended.code == 2
    assert said in " ".join(ended.err.split())
    assert begun == []


def test_the_systems_updates_go_in_waves_too(invoke: Invoke, begun: list[tuple[str, str]]) -> None:
    ended = invoke("upgrade", "--all", "--security-only")

    assert ended.code == 1
    assert begun == [(ADA, "upgrade --security-only")]
    said = " ".join(ended.err.split())
    assert f"When that is mended: provisioner upgrade {BOB} {CYN} --security-only" in said


def test_resume_goes_on_with_an_upgrade(
    invoke: Invoke, workspace: Workspace, begun: list[tuple[str, str]]
) -> None:
    under_way(workspace, BOB)

    invoke("resume")
    assert begun[-1] == (BOB, "upgrade")
    begun.clear()
    assert invoke("resume", BOB).code == 0

    assert begun == [(BOB, "upgrade")]
    assert "the upgrade to 2026.9.6" in invoke("list").out


def test_who_has_a_version_of_their_own_is_upgraded_only_by_name(
    invoke: Invoke, workspace: Workspace, begun: list[tuple[str, str]]
) -> None:
    assert invoke("update", BOB, "setup.moltbot.pinnedVersion", "2026.9.5").code == 0

    shown = invoke("upgrade", "--all", "--version", "2026.9.6", "--plan")
    assert "stay: they have a version of their own" in shown.out
    assert "1 of 3 servers would be upgraded to 2026.9.6" in shown.err
    assert "1 more have" not in invoke("upgrade", "--all", "--version", "2026.9.6").err
    assert [who for who, _ in begun] == [ADA]
    assert "0 of 1 server would be upgraded to 2026.9.5" in invoke("upgrade", BOB, "--plan").err
    assert "1 of 1 server would" in invoke("upgrade", BOB, "--version", "2026.9.6", "--plan").err
