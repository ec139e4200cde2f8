"""Many customers at the command line, as real processes against a cloud whose droplets are only addresses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.client import Sandbox, running_sandbox
from tests.e2e.operator import Operator

NAMES = ("ada", "bob", "eve")
EMAILS = [f"{name}@example.com" for name in NAMES]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def operator(cloud: Sandbox, tmp_path: Path) -> Iterator[Operator]:
    operator = Operator(tmp_path / "workspace", cloud)
    for email in EMAILS:
        operator.done("add", email, "sub_test")
    yield operator
    cloud.clear_faults()
    cloud.turn(boot_seconds=0)


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


def test_one_failure_leaves_the_others_alone_and_names_the_command_for_it(
    operator: Operator, cloud: Sandbox
) -> None:
    cloud.fault("cloud", "status", method="POST", path="/droplets$", status=422, message="no")

    ended = operator.run("provision", *EMAILS, "--until", "droplet")

    [failed] = [line.split()[1] for line in ended.out.splitlines() if line.startswith("failed")]
    assert ended.code == 1
    assert f"provisioner provision {failed}\n" in ended.err
    assert sorted(states(operator).values()) == ["failed", "paused", "paused"]
    assert operator.run("resume", "--until", "droplet").code == 0
    assert sorted(states(operator).values()) == ["paused"] * 3


def test_ctrl_c_ends_with_130_and_all_can_go_on(operator: Operator, cloud: Sandbox) -> None:
    cloud.turn(boot_seconds=60)
    with operator.start("provision", *EMAILS, "--until", "droplet") as run:
        for email in EMAILS:
            run.wait_for(f"{email}  droplet    waiting for droplet")
        assert set(states(operator).values()) == {"running"}
        assert run.interrupt() == 130
        assert "to run these again" in run.said

    assert set(states(operator).values()) == {"interrupted"}


def test_a_killed_run_shows_as_interrupted_at_once(operator: Operator, cloud: Sandbox) -> None:
    cloud.turn(boot_seconds=60)
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
