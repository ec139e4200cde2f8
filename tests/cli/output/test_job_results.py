"""What is said of failed runs: without their customers' secrets, and without reading everybody's record."""

import io
from pathlib import Path

import pytest

from provisioner.cli.context import choose_workspace
from provisioner.cli.output import render
from provisioner.cli.output.job_results import RunsResult, document, summary_of, unreadable_files
from provisioner.cli.output.result import Message
from provisioner.customers import known_secrets
from provisioner.customers.new import SignUp, new_record
from provisioner.errors import ProvisionerError
from provisioner.runs.fleet import JobResult
from provisioner.runs.runner import RunResult
from provisioner.secrets import MASK
from provisioner.step import Done
from provisioner.workspace import Workspace

ADA = "ada@example.com"
SECRET = "swordfish-of-ada"


@pytest.fixture
def read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Each time that all records were read, in a workspace in which Ada has a secret of no known shape."""
    record = new_record(SignUp(ADA, "sub_ada"))
    record.data = {**record.data, "extra": {"password": SECRET}}
    workspace.store().add(record)
    choose_workspace(workspace.root)
    times: list[Path] = []
    every = known_secrets.record_secrets

    def counted(customers: Path) -> list[str]:
        times.append(customers)
        return list(every(customers))

    monkeypatch.setattr(known_secrets, "record_secrets", counted)
    return times


def failed(whom: str) -> JobResult:
    return JobResult(whom, refusal=ProvisionerError("set up", whom=whom, cause=f"the server said {SECRET}"))


def test_the_ending_of_one_run_reads_the_record_of_its_customer_alone(read: list[Path]) -> None:
    assert summary_of(failed(ADA)) == f"the server said {MASK}"
    assert document(failed(ADA))["error"]["cause"] == f"the server said {MASK}"
    assert read == []


def test_where_that_record_cannot_be_read_all_are(read: list[Path]) -> None:
    assert summary_of(failed("nobody@example.com")) == f"the server said {MASK}"
    assert len(read) == 1


def test_many_files_that_are_broken_are_told_by_one_reading(
    read: list[Path], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("x.json", "y.json"):
        (workspace.customers_dir / "active" / name).write_text('{"')
    broken = [listing for listing in workspace.store().all() if listing.broken]
    monkeypatch.setattr("sys.stderr", io.StringIO())
    render.print_blocks(unreadable_files(broken))
    assert len(broken) == 2
    assert len(read) == 1


def test_where_the_time_went_is_one_line(workspace: Workspace) -> None:
    customer = new_record(SignUp(ADA, "sub_ada")).customer
    steps = (("droplet", 2.0), ("moltbot", 78.0))
    job = JobResult(ADA, RunResult(customer, "run", "moltbot", Done(), 81.0, steps))

    (line,) = RunsResult((job,)).blocks()

    assert line == Message(f"{ADA}: {customer.status}, after 1 min 21 s (droplet 2.0 s, moltbot 1 min 18 s)")
    assert document(job)["steps"] == [
        {"step": "droplet", "seconds": 2.0},
        {"step": "moltbot", "seconds": 78.0},
    ]
