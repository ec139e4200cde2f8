"""The two forms of a campaign: the short one of `make test`, the long one of `make campaign`.

`python -m tests.campaigns.forms [--seed N] [--kills N] [--minutes M]` is the long one. Several workers at
once, each with a world of its own, some with a machine. Prints the seed and the counts; the exit code is 1 if
anything was not as it should be.
"""

import argparse
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from tests.campaigns.report import Report
from tests.campaigns.worker import Plan

WORKERS = 2
LONG_WORKERS = 3
"""For each kind of world: they wait more than they compute."""
Summary = Callable[[str], None]


def short(tell: Summary, *, machine: bool, kills: int) -> Report:
    """About so many kills; `tell` gets the headline."""
    seed = secrets.randbelow(10**6)
    report = run(
        [
            Plan(seed, worker, WORKERS, machine, long=False, kills=kills // WORKERS, minutes=8)
            for worker in range(WORKERS)
        ]
    )
    print(report.as_markdown)
    tell(report.headline)
    return report


def long(seed: int, kills: int, minutes: float) -> Report:
    """At least so many kills, if the minutes are enough; a tenth of them on real servers."""
    shares = ((False, kills * 9 // 10 // LONG_WORKERS + 1), (True, kills // 10 // LONG_WORKERS + 1))
    return run(
        [
            Plan(seed, worker, LONG_WORKERS, machine, long=True, kills=share, minutes=minutes)
            for machine, share in shares
            for worker in range(LONG_WORKERS)
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
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    report = long(chosen.seed, chosen.kills, chosen.minutes)
    print(report.as_markdown)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
