"""The short form of the kill and fault campaigns; `make campaign` runs the long one."""

import secrets
from collections.abc import Callable

import pytest

from tests.campaigns.campaign import WORKERS, headline, report, run
from tests.campaigns.kills import Tally
from tests.campaigns.worker import Plan

Summary = Callable[[str], None]


def short(tell: Summary, *, machine: bool, pairs: int, moments: int, faults: int) -> Tally:
    seed = secrets.randbelow(10**6)
    plans = [
        Plan(seed, worker, WORKERS, machine, pairs, moments, faults, disks=not machine, minutes=8)
        for worker in range(WORKERS)
    ]
    tally = run(plans)
    print(report(tally))
    tell(headline(tally))
    return tally


@pytest.mark.timeout(900)
def test_droplets_among_deaths_and_faults(campaign_summary: Summary) -> None:
    tally = short(campaign_summary, machine=False, pairs=10, moments=10, faults=5)

    assert tally.violations == []
    assert tally.killed >= 160


@pytest.mark.sandbox
@pytest.mark.timeout(900)
def test_whole_setups_on_a_real_server_among_deaths(campaign_summary: Summary) -> None:
    tally = short(campaign_summary, machine=True, pairs=5, moments=5, faults=0)

    assert tally.violations == []
    assert tally.killed >= 140
