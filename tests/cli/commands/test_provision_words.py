"""The words of `provision` and `resume`: all of them are understood before anything is done."""

import json
import shlex

import pytest

from provisioner.cli.context import choose_workspace
from provisioner.customers.new import SignUp, new_record
from provisioner.runs.fleet import Fleet, JobResult
from provisioner.runs.workflow import PROVISION, Workflow
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def begun(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], float]]:
    """Who was to be set up, with how much patience; every run is interrupted at once."""
    for email in (ADA, BOB):
        workspace.store().add(new_record(SignUp(email, "sub")))
    runs: list[tuple[list[str], float]] = []

    def run_all(
        _: Fleet, customers: list[str], workflow: Workflow, *, until: str | None, patience: float
    ) -> list[JobResult]:
        assert workflow is PROVISION
        runs.append((list(customers), patience))
        return [JobResult(who, interrupted=True) for who in customers]

    monkeypatch.setattr(Fleet, "run_all", run_all)
    return runs


Begun = list[tuple[list[str], float]]


@pytest.mark.parametrize("command", ["provision", "resume"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([ADA, "--wait", "5x"], "'5x' is no duration"),
        ([ADA, "--wait=5x"], "'5x' is no duration"),
        ([ADA, "--wait="], "'' is no duration"),
        (["--wait", "1h30", ADA], "'1h30' is no duration"),
        ([ADA, "5x"], "5x"),
        ([ADA, "eve@example.com"], "eve@example.com"),
        ([ADA, ""], "could not find the customer"),
        ([ADA, "--wait", "soon"], "soon"),
        ([ADA, "--", "--wait"], "--wait"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_word_that_is_no_customer_stops_all_before_anything_is_done(
    invoke: Invoke, begun: Begun, command: str, words: list[str], says: str
) -> None:
    result = invoke(command, *words)

    assert result.code == 2
    assert says in result.err
    assert begun == []


def test_all_who_are_unknown_are_named_at_once(invoke: Invoke, begun: Begun) -> None:
    result = invoke("provision", "eve@example.com", ADA, "cust_9", "ada@example.co")

    assert (result.code, begun) == (2, [])
    for who in ("eve@example.com", "cust_9", "ada@example.co"):
        assert who in result.err
    assert f"did you mean {ADA}?" in result.err


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ([ADA], 0),
        (["--wait", ADA], 3600),
        ([ADA, "--wait"], 3600),
        (["--wait", "--until", "droplet", ADA], 3600),
        (["--wait", "90", ADA], 90),
        (["--wait", "30m", "--", ADA], 1800),
        (["--wait=2h", ADA], 7200),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wait_may_stand_alone(invoke: Invoke, begun: Begun, words: list[str], seconds: float) -> None:
    invoke("provision", *words)
    assert begun == [([ADA], seconds)]


def test_a_customer_named_twice_is_set_up_once(invoke: Invoke, begun: Begun, workspace: Workspace) -> None:
    invoke("provision", ADA.upper(), BOB, ADA, workspace.store().read(ADA).customer.id)
    assert begun == [([ADA, BOB], 0)]


@pytest.mark.parametrize("whom", [[ADA], [ADA, BOB]], ids=["one", "two"])
def test_the_line_to_run_again_keeps_what_was_said(
    invoke: Invoke, begun: Begun, workspace: Workspace, whom: list[str]
) -> None:
    folder = str(workspace.root)
    options = ["--until", "messaging", "--wait", "30m", "--jobs", "7"]
    try:
        result = invoke("--workspace", folder, "provision", *whom, *options)
    finally:
        choose_workspace(None)

    assert result.code == 130
    [line] = [line for line in result.err.splitlines() if "provisioner" in line]
    again = shlex.split(line[line.index("provisioner") :])
    assert again == ["provisioner", "--workspace", folder, "provision", *whom, *options]


def test_without_options_the_line_to_run_again_is_short(invoke: Invoke, begun: Begun) -> None:
    assert invoke("provision", ADA).err.splitlines()[-1] == f"stopped; to go on: provisioner provision {ADA}"


def test_a_record_that_cannot_be_read_is_named_and_stops_nobody(
    invoke: Invoke, begun: Begun, workspace: Workspace
) -> None:
    (workspace.customers_dir / "active" / "eve_at_example.com.json").write_text("{")

    result = invoke("provision", "--all")
    assert begun == [([ADA, BOB], 0)]
    assert "active/eve_at_example.com.json" in result.err
    document = json.loads(invoke("provision", "--all", "--json").out)
    assert [one["file"] for one in document["unreadable"]] == ["eve_at_example.com.json"]
    assert invoke("resume").code == 1
    assert "active/eve_at_example.com.json" in invoke("resume").err


def test_status_says_what_it_cannot_read(invoke: Invoke, workspace: Workspace) -> None:
    (workspace.customers_dir / "active" / "eve_at_example.com.json").write_text("{")

    told = invoke("status")
    assert "No customers" not in told.out
    assert "eve_at_example.com.json" in told.out
    assert "provisioner check" in told.out
    assert json.loads(invoke("status", "--json").out)["unreadable"][0]["file"] == "eve_at_example.com.json"
    (workspace.customers_dir / "active" / "eve_at_example.com.json").unlink()
    assert invoke("status").out == "No customers.\n"


def test_list_shows_what_has_failed_and_what_was_interrupted(invoke: Invoke, workspace: Workspace) -> None:
    store = workspace.store()
    for email in (ADA, BOB, "new@example.com"):
        store.add(new_record(SignUp(email, "sub")))
    for email in (ADA, BOB):
        with store.edit(email) as record:
            record.set("status", "in_progress")
            record.set("setup.status", "in_progress")
    event = {
        "who": ADA,
        "timestamp": "2026-01-29T05:54:00Z",
        "kind": "failed",
        "step": "droplet",
        "text": "no",
    }
    workspace.runs_dir.joinpath("2026-01-29T055400.0Z-aa.jsonl").write_text(json.dumps(event) + "\n")

    told = {line.split()[1]: line for line in invoke("list").out.splitlines()[1:]}
    assert told[ADA].endswith("step droplet: failed")
    assert told[BOB].endswith("step droplet: interrupted")
    assert told["new@example.com"].endswith("step droplet")
    states = {one["email"]: one["state"] for one in json.loads(invoke("list", "--json").out)["customers"]}
    assert states == {ADA: "failed", BOB: "interrupted", "new@example.com": "new"}
