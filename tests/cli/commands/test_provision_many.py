"""Many customers at the command line, as real processes against a cloud whose droplets are only addresses."""

import json
import os
import signal
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.control.client import Sandbox, running_sandbox
from tests.e2e.operator import Operator

NAMES = ("ada", "bob", "eve")
EMAILS = [f"{name}@example.com" for name in NAMES]
ENDLESS_GRACE = (
    "import provisioner.runs.fleet; provisioner.runs.fleet.GRACE_SECONDS = 100_000;"
    "from provisioner.cli.main import run; run()"
)
NEVER = 100_000.0
"""Seconds that no test lasts."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def operator(cloud: Sandbox, tmp_path: Path) -> Iterator[Operator]:
    operator = Operator(tmp_path / "workspace", cloud)
    for number, email in enumerate(EMAILS):
        operator.done("add", email, f"sub_{number}")
    yield operator
    cloud.clear_faults()
    cloud.set_cloud_options(boot_seconds=0)


def states(operator: Operator) -> dict[str, str]:
    document = operator.done("status", "--json").document
    return {customer["email"]: customer["state"] for customer in document["customers"]}


def test_everybody_at_once_and_again_without_a_request(operator: Operator, cloud: Sandbox) -> None:
    first = operator.run("provision", "--all", "--until", "droplet", "--json")

    assert first.code == 0, first.err
    assert [one["outcome"] for one in first.document["customers"]] == ["done"] * 3
    cloud.reset_counts()
    assert operator.run("provision", *EMAILS, "--until", "droplet").code == 0
    assert cloud.count("cloud") == 0


def test_with_json_progress_is_lines_that_programs_can_follow(operator: Operator, cloud: Sandbox) -> None:
    cloud.fault("cloud", "status", method="POST", path="/droplets$", status=422, message="no")

    for words in (EMAILS, EMAILS[:1]):
        ended = operator.run("provision", *words, "--until", "droplet", "--json")

        events = [json.loads(line) for line in ended.err.splitlines()]
        last = {event["who"]: event for event in events}
        assert {who: event["kind"] for who, event in last.items()} == dict.fromkeys(words, "ended")
        assert {who: event["outcome"] for who, event in last.items()} == {
            one["email"]: one["outcome"] for one in ended.document["customers"]
        }
        assert {"started", "said", "failed", "done"} >= {event["kind"] for event in events} - {
            "ended",
            "skipped",
        }
        assert all({"timestamp", "step", "text", "seconds"} <= event.keys() for event in events)


def test_one_failure_leaves_the_others_alone_and_names_the_command_for_it(
    operator: Operator, cloud: Sandbox
) -> None:
    cloud.fault("cloud", "status", method="POST", path="/droplets$", status=422, message="no")

    ended = operator.run("provision", *EMAILS, "--until", "droplet")

    [failed] = [line.split()[1] for line in ended.out.splitlines() if line.startswith("failed")]
    assert ended.code == 1
    assert f"provisioner provision {failed} --until droplet\n" in ended.err
    assert sorted(states(operator).values()) == ["failed", "paused", "paused"]
    assert operator.run("resume", "--until", "droplet").code == 0
    assert sorted(states(operator).values()) == ["paused"] * 3


def test_ctrl_c_ends_with_130_and_all_can_go_on(operator: Operator, cloud: Sandbox) -> None:
    cloud.set_cloud_options(boot_seconds=NEVER)
    with operator.start("provision", *EMAILS, "--until", "droplet") as run:
        for email in EMAILS:
            run.wait_for(f"{email}  droplet    waiting for droplet")
        assert set(states(operator).values()) == {"running"}
        assert run.interrupt() == 130
        assert "to run these again" in run.said

    assert set(states(operator).values()) == {"interrupted"}


def test_a_killed_run_shows_as_interrupted_at_once(operator: Operator, cloud: Sandbox) -> None:
    cloud.set_cloud_options(boot_seconds=NEVER)
    with operator.start("provision", EMAILS[0], "--until", "droplet") as run:
        run.wait_for("waiting for droplet")
        busy = operator.run("provision", EMAILS[0], "--until", "droplet")
        assert busy.code == 4
        assert str(run.pid) in busy.err
        run.kill()

    shown = operator.done("status").out
    assert f"provisioner provision {EMAILS[0]}" in shown
    assert states(operator)[EMAILS[0]] == "interrupted"


def test_whom_has_to_be_clear(operator: Operator) -> None:
    assert operator.run("provision").code == 2
    assert operator.run("provision", EMAILS[0], "--all").code == 2
    nobody = operator.run("resume", "--json")
    assert (nobody.code, json.loads(nobody.out)["customers"]) == (0, [])


def test_a_second_ctrl_c_ends_at_once_what_does_not_stop_by_itself(
    operator: Operator, cloud: Sandbox
) -> None:
    cloud.fault("cloud", "delay", method="GET", path="droplets", count=None, seconds=25)
    # The grace that one Ctrl-C alone gives is longer than the test may last.
    with operator.start("provision", *EMAILS, "--until", "droplet", program=ENDLESS_GRACE) as run:
        for email in EMAILS:
            run.wait_for(f"{email}  droplet    started")
        os.kill(run.pid, signal.SIGINT)
        run.wait_for("Ctrl-C again ends it at once")
        os.kill(run.pid, signal.SIGINT)
        assert run.end() == 130
        assert f"provisioner provision {' '.join(EMAILS)} --until droplet" in run.said


def test_all_commands_count_their_requests_together(operator: Operator, cloud: Sandbox) -> None:
    operator.done("provision", EMAILS[0], "--until", "droplet")
    cloud.reset_counts()
    operator.run("doctor")
    after = cloud.count("cloud")
    droplet = operator.record(EMAILS[0])["setup"]["droplet"]["id"]
    operator.done("adopt", EMAILS[0], droplet)
    [ledger] = (operator.workspace / ".provisioner/rates").iterdir()
    counted = len(array("d", ledger.read_bytes())) - 2

    assert 0 < after < cloud.count("cloud") < counted


def test_doctor_and_adopt_at_the_command_line(operator: Operator, cloud: Sandbox) -> None:
    ada, bob, _ = EMAILS
    operator.done("provision", ada, "--until", "droplet")
    droplet = operator.record(ada)["setup"]["droplet"]["id"]
    operator.done("update", ada, "setup.droplet.id", "null")

    ill = operator.run("doctor", "--json")
    assert ill.code == 1
    [trouble] = [one for one in ill.document["troubles"] if one["whom"] == droplet]
    assert trouble["hint"].startswith(f"provisioner adopt {ada} {droplet}")

    assert operator.run("adopt", bob, droplet).code == 2
    operator.done("adopt", ada, droplet)
    well = operator.run("doctor", "--json").document
    assert not [one for one in well["troubles"] if one["kind"] == "droplet" and ada in one["whom"]]
    assert {cost["droplet"]: cost["email"] for cost in well["costs"]}[droplet] == ada
    assert ada in operator.run("doctor").out
