"""Fifty customers at once, each on a real server of their own: what it costs the one process for all.

The servers are real machines with sshd and systemd, and playbooks run on them as units. The playbooks are
small ones that wait for one another, so that every customer has a session open at the same moment. How long
it takes is mostly how long fifty machines take to boot on one computer.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.workspace import Workspace
from tests.benchmarks.meeting import Meeting
from tests.benchmarks.process import Process, Usage
from tests.benchmarks.test_fleet import CUSTOMERS, MOST_A_MINUTE, MOST_MEGABYTES
from tests.campaigns.world import put_small_playbooks
from tests.e2e.operator import Operator
from tests.sandbox.machines.test_real_cloud import left_of

pytestmark = pytest.mark.sandbox

VERSION = "2026.9.6"
HOLD_SECONDS = 10
"""More than the three seconds after which a server shows a sign of life."""


@dataclass(frozen=True)
class Course:
    """What it took so many customers.

    `together` is when all were at work, in seconds; then they were held for a while. `idle` is the share of a
    processor that this took, `peak` the most memory until its end, `sessions` those at its start and its end.
    """

    number: int
    usage: Usage
    together: float
    idle: float
    peak: int
    sessions: tuple[int, int]
    lost: int
    calls: int
    busiest: int

    def __str__(self) -> str:
        return (
            f"{self.number} at once: {self.seconds:.1f} s (all at work after {self.together:.1f} s), "
            f"{self.sessions[0]} SSH sessions open at the same moment, {self.lost} links lost\n"
            f"  {self.peak / 1e6:.1f} MB until then, at most {self.usage.memory / 1e6:.1f} MB in all; "
            f"{self.usage.processor:.1f} s of a processor, {self.idle:.1%} of one while all only wait\n"
            f"  {self.calls / self.number:.2f} calls a customer, {self.busiest} in the busiest minute"
        )

    @property
    def seconds(self) -> float:
        """From start to end, but for those in which all were held."""
        return self.usage.seconds - HOLD_SECONDS


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(pretend=False) as running:
        sandbox_id = running.folder.sandbox_id
        yield running
    assert left_of(sandbox_id) == []


def provision(sandbox: Sandbox, folder: Path, number: int) -> tuple[Course, list[Customer]]:
    """Take so many new customers to a Moltbot, all at once."""
    operator = Operator(folder, sandbox)
    workspace = Workspace(folder)
    put_small_playbooks(workspace)
    store = workspace.store()
    emails = [f"c{index}@example.com" for index in range(number)]
    for email in emails:
        store.add(new_record(SignUp(email, "sub")))
    sandbox.reset_counts()
    sandbox.forget_rate()
    with Meeting(sandbox.status().addresses[1]) as meeting:
        meeting.invite(workspace, "moltbot")
        course = drive(sandbox, operator, meeting, number)
    return course, [store.read(email).customer for email in emails]


def drive(sandbox: Sandbox, operator: Operator, meeting: Meeting, number: int) -> Course:
    with Process(operator, "provision", "--all", "--until", "moltbot") as process:
        meeting.gather(number, process)
        together, before, sessions = process.seconds, process.processor(), process.ssh_sessions()
        time.sleep(HOLD_SECONDS)
        idle = (process.processor() - before) / HOLD_SECONDS
        peak, sessions_after = process.peak(), process.ssh_sessions()
        meeting.dismiss()
        usage = process.end()
    return Course(
        number,
        usage,
        together,
        idle,
        peak,
        (sessions, sessions_after),
        process.said.count("the connection is lost"),
        sandbox.count("cloud"),
        sandbox.busiest("cloud"),
    )


def demand_installed(customers: list[Customer]) -> None:
    """All have got to the end of the step, each on a server of their own."""
    ends = {(one.status, one.setup.moltbot.installed, one.setup.moltbot.version) for one in customers}
    assert ends == {("in_progress", True, VERSION)}
    droplets = [one.setup.droplet for one in customers]
    assert all(droplet.host_key_renewed for droplet in droplets)
    for name in ("id", "ip", "host_key"):
        assert len({getattr(droplet, name) for droplet in droplets}) == len(customers), name


@pytest.mark.timeout(300)
def test_fifty_servers_at_once_are_served_by_one_small_process(sandbox: Sandbox, tmp_path: Path) -> None:
    one, first = provision(sandbox, tmp_path / "one", 1)
    many, customers = provision(sandbox, tmp_path / "many", CUSTOMERS)

    more = (many.peak - one.peak) / (CUSTOMERS - 1)
    work = many.usage.processor / one.usage.processor
    print(f"\n{one}\n{many}")
    print(f"{many.seconds / one.seconds:.1f} times as long, {work:.1f} times the work of the processor,")
    print(f"{more / 1e6:.2f} MB for each further customer")
    demand_installed(first)
    demand_installed(customers)
    assert {droplet.status for droplet in sandbox.droplets()} == {"active"}
    assert len(sandbox.droplets()) == 1 + CUSTOMERS
    assert (one.sessions, many.sessions) == ((1, 1), (CUSTOMERS, CUSTOMERS))
    assert many.busiest < MOST_A_MINUTE
    assert many.usage.memory < MOST_MEGABYTES * 10**6
