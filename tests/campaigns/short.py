"""The short form of a campaign, for `make test`."""

import secrets
from collections.abc import Callable

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
