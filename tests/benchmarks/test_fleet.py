"""Fifty customers at once against one, on a cloud whose droplets take half a minute."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.workspace import Workspace
from tests.benchmarks.process import Process, Usage
from tests.e2e.operator import Operator

CUSTOMERS = 50
BOOT_SECONDS = 30
MOST_MEGABYTES = 300
MOST_A_MINUTE = 250


@pytest.fixture(scope="module")
def cloud() -> Iterator[Sandbox]:
    with running_sandbox(boot_seconds=BOOT_SECONDS) as sandbox:
        yield sandbox


def provision(cloud: Sandbox, folder: Path, number: int) -> Usage:
    """What it takes until so many new customers have droplets."""
    operator = Operator(folder, cloud)
    store = Workspace(folder).store()
    for index in range(number):
        store.add(new_record(SignUp(f"c{index}@example.com", "sub")))
    cloud.reset_counts()
    cloud.forget_rate()
    with Process(operator, "provision", "--all", "--until", "droplet") as process:
        return process.end()


@pytest.mark.timeout(300)
def test_fifty_take_hardly_longer_than_one(cloud: Sandbox, tmp_path: Path) -> None:
    one = provision(cloud, tmp_path / "one", 1).seconds
    usage = provision(cloud, tmp_path / "many", CUSTOMERS)
    many, memory = usage.seconds, usage.memory

    calls = cloud.count("cloud")
    asked = cloud.count("cloud", "POST", "/v2/droplets")
    # Each customer is looked for once before the request; all other lists of droplets are polls.
    polls = cloud.count("cloud", "GET", "/v2/droplets") - CUSTOMERS
    allowed = 3 + polls / CUSTOMERS
    busiest = cloud.busiest("cloud")
    print(
        f"\n1 customer {one:.1f} s, {CUSTOMERS} customers {many:.1f} s ({many / one:.2f} times), "
        f"{calls / CUSTOMERS:.2f} calls a customer ({polls} polls; {allowed:.2f} allowed), "
        f"{busiest} calls in the busiest minute, {memory / 1e6:.0f} MB"
    )
    assert asked == CUSTOMERS
    assert many <= 1.25 * one
    assert calls / CUSTOMERS <= allowed
    assert busiest <= MOST_A_MINUTE
    assert memory < MOST_MEGABYTES * 10**6


@pytest.mark.timeout(300)
def test_a_second_process_keeps_to_the_same_minute(cloud: Sandbox, tmp_path: Path) -> None:
    """With a small budget, two runs of one workspace at once never pass it together."""
    folder = tmp_path / "workspace"
    operator = Operator(folder, cloud)
    settings = Workspace(folder).settings_file
    settings.write_text(settings.read_text().replace("[droplet]", "[droplet]\nrequests_per_minute = 40", 1))
    store = Workspace(folder).store()
    for index in range(30):
        store.add(new_record(SignUp(f"c{index}@example.com", "sub")))
    cloud.set_cloud_options(boot_seconds=0)
    cloud.reset_counts()
    halves = [[f"c{index}@example.com" for index in range(first, 30, 2)] for first in (0, 1)]
    with (
        operator.start("provision", *halves[0], "--until", "droplet") as one,
        operator.start("provision", *halves[1], "--until", "droplet") as other,
    ):
        assert (one.end(), other.end()) == (0, 0)

    calls, busiest = cloud.count("cloud"), cloud.busiest("cloud")
    print(f"\n{calls} calls of two processes, {busiest} in the busiest minute, 40 allowed")
    assert calls > 60
    assert busiest <= 40
