"""Standard streams that are closed, full, or left by their reader, as real processes."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.control.client import Sandbox, running_sandbox
from tests.e2e.operator import Operator

EMAIL = "ada@example.com"
NEVER = 100_000.0
"""Seconds that no test lasts."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def operator(cloud: Sandbox, tmp_path: Path) -> Iterator[Operator]:
    operator = Operator(tmp_path / "workspace", cloud)
    operator.done("add", EMAIL, "sub_test")
    yield operator
    cloud.set_cloud_options(boot_seconds=0)
    assert list(operator.workspace.rglob("crash-*")) == []


def run(operator: Operator, words: str, streams: str) -> "subprocess.CompletedProcess[str]":
    """One command with its standard streams as this says it in a shell's words."""
    program = shlex.join([sys.executable, "-m", "provisioner.cli.main"])
    return subprocess.run(
        ["bash", "-c", f"{program} {words} {streams}"],
        env=operator.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_reader_of_the_progress_that_leaves_ends_the_run_quietly(
    operator: Operator, cloud: Sandbox
) -> None:
    cloud.set_cloud_options(boot_seconds=NEVER)
    with operator.start("provision", EMAIL, "--until", "droplet") as running:
        running.wait_for(f"{EMAIL}  droplet    waiting for droplet")
        running.leave()
        assert running.end() not in (0, -signal.SIGPIPE)

    [customer] = operator.done("status", "--json").document["customers"]
    assert customer["state"] == "interrupted"


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_nobody_who_reads_the_progress_is_no_hindrance(operator: Operator, streams: str) -> None:
    done = run(operator, f"provision {EMAIL} --until droplet --json", streams)

    assert done.returncode == 0, done.stdout
    assert [one["outcome"] for one in json.loads(done.stdout)["customers"]] == ["done"]


@pytest.mark.parametrize("words", ["list", "list --json", "--help", f"show {EMAIL}"])
def test_an_answer_that_no_disk_takes_is_an_error(operator: Operator, words: str) -> None:
    done = run(operator, words, ">/dev/full")

    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: could not write the answer")
    assert "No space left" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_no_standard_stream_at_all_is_no_hindrance(operator: Operator) -> None:
    assert run(operator, f"note {EMAIL} seen", "<&- >&- 2>&-").returncode == 0
    assert [one["note"] for one in operator.record(EMAIL)["notes"]] == ["seen"]
    nothing = run(operator, f"update {EMAIL} name -", "<&-")
    assert (nothing.returncode, "standard input is empty" in nothing.stderr) == (2, True)
