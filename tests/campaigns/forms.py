"""The two forms of a campaign: the short one of `make test`, the long one of `make campaign`.

`python -m tests.campaigns.forms [--seed N] [--kills N] [--minutes M] [--only AREA]` is the long one. Several
workers at once, each with a world of its own, some with a machine. Prints the seed and the counts; the exit
code is 1 if anything was not as it should be.
"""

import argparse
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import get_args

from tests.campaigns.plan import Area, Plan
from tests.campaigns.report import Report

WORKERS = 2
_SHARES: tuple[tuple[Area, bool, float, int], ...] = (
    ("customers", False, 0.7, 3),
    ("customers", True, 0.1, 3),
    ("pool", False, 0.18, 2),
    ("pool", True, 0.02, 3),
)
"""What is tried, whether on real servers, its part of the kills, and by how many workers.

They wait more than they compute.
"""
Summary = Callable[[str], None]


def short(
    tell: Summary, *, machine: bool, kills: int, area: Area = "customers", workers: int = WORKERS
) -> Report:
    """About so many kills; `tell` gets the headline."""
    seed = secrets.randbelow(10**6)
    report = run(
        [
            Plan(seed, worker, workers, machine, long=False, kills=kills // workers, minutes=8, area=area)
            for worker in range(workers)
        ]
    )
    print(report.as_markdown)
    tell(report.headline)
    return report


def long(seed: int, kills: int, minutes: float, only: Area | None = None) -> Report:
    """At least so many kills, if the minutes are enough; `only` what is tried in one area."""
    chosen = [share for share in _SHARES if only in (None, share[0])]
    whole = sum(part for _, _, part, _ in chosen)
    return run(
        [
            Plan(
                seed,
                worker,
                workers,
                machine,
                long=True,
                kills=int(kills * part / whole / workers) + 1,
                minutes=minutes,
                area=area,
            )
            for area, machine, part, workers in chosen
            for worker in range(workers)
        ]
    )


def run(plans: Sequence[Plan]) -> Report:
    """All of them at once, each saying now and then how far it is.

    AssertionError if one does not come to its end.
    """
    command = [sys.executable, "-m", "tests.campaigns.worker"]
    processes = [
        subprocess.Popen([*command, json.dumps(asdict(plan))], stdout=subprocess.PIPE) for plan in plans
    ]
    total = Report(plans[0].seed)
    ends = [process.communicate() for process in processes]
    for process, (out, _) in zip(processes, ends, strict=True):
        assert process.returncode == 0, "a worker broke down: see what it said above"
        total.add(Report.of_json(out.decode()))
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--kills", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--only", choices=get_args(Area))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    report = long(chosen.seed, chosen.kills, chosen.minutes, chosen.only)
    print(report.as_markdown)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
