"""The short form of the kill and fault campaigns; `make campaign` runs the long one."""

import secrets

import pytest

from tests.campaigns.campaign import WORKERS, report, run
from tests.campaigns.kills import Tally
from tests.campaigns.worker import Plan


def short(*, machine: bool, pairs: int, moments: int, faults: int) -> Tally:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    plans = [
        Plan(seed, worker, WORKERS, machine, pairs, moments, faults, disks=not machine, minutes=4)
        for worker in range(WORKERS)
    ]
    tally = run(plans)
    print(report(tally))
    return tally


@pytest.mark.timeout(600)
def test_droplets_among_deaths_and_faults() -> None:
    tally = short(machine=False, pairs=10, moments=10, faults=5)

    assert tally.violations == []
    assert tally.killed >= 160


@pytest.mark.sandbox
@pytest.mark.timeout(600)
def test_whole_setups_on_a_real_server_among_deaths() -> None:
    tally = short(machine=True, pairs=5, moments=5, faults=0)

    assert tally.violations == []
    assert tally.killed >= 140
