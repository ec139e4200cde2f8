"""The whole campaign: `python -m tests.campaigns.campaign [--seed N] [--kills N] [--minutes M]`.

Several workers at once, each with a world and a machine of its own. Prints the seed and the counts, as a
table that docs/reliability.md can take; exit code 1 if anything was not as it should be.
"""

import argparse
import json
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict

from tests.campaigns.kills import Tally
from tests.campaigns.worker import Plan, tally_of

WORKERS = 2


def run(plans: Sequence[Plan]) -> Tally:
    """All of them at once; AssertionError if a worker does not come to its end."""
    command = [sys.executable, "-m", "tests.campaigns.worker"]
    processes = [
        subprocess.Popen([*command, json.dumps(asdict(plan))], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for plan in plans
    ]
    total = Tally(plans[0].seed)
    ends = [process.communicate() for process in processes]
    for process, (out, err) in zip(processes, ends, strict=True):
        assert process.returncode == 0, err.decode(errors="replace")[-3000:]
        total.add(tally_of(out.decode()))
    return total


def headline(tally: Tally) -> str:
    """The seed and the sums in one line."""
    return (
        f"seed {tally.seed}: {tally.killed} kills in {tally.lives} setups, {tally.faults.total()} faults, "
        f"{tally.reads} reads of records meanwhile, {tally.seconds:.0f} s; first messages sent again: "
        f"{tally.again}; violations: {len(tally.violations)}"
    )


def report(tally: Tally) -> str:
    """The seed and the counts, in Markdown."""
    rows = "\n".join(f"| {place} | {number} |" for place, number in sorted(tally.kills.items()))
    faults = "\n".join(f"| {name} | {number} |" for name, number in sorted(tally.faults.items()))
    violations = "".join(f"- {one}\n" for one in tally.violations)
    return (
        f"{headline(tally)}\n{violations}\n| killed at | times |\n|---|---|\n{rows}\n"
        f"\n| fault | times |\n|---|---|\n{faults}\n"
    )


def _plan(chosen: argparse.Namespace, share: int, worker: int, *, machine: bool) -> Plan:
    """About `share` deaths at random for this worker, after its part of all that are enumerated."""
    return Plan(
        chosen.seed,
        worker,
        WORKERS,
        machine,
        pairs=share * 2 // 5,
        moments=share // 5,
        faults=share // 10,
        disks=True,
        minutes=chosen.minutes,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--kills", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=90)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    # A fifth of the deaths on a real server, where each takes ten times as long.
    shares = ((False, chosen.kills * 4 // 5 // WORKERS), (True, chosen.kills // 5 // WORKERS))
    total = run(
        [
            _plan(chosen, share, worker, machine=machine)
            for machine, share in shares
            for worker in range(WORKERS)
        ]
    )
    print(report(total))
    return 1 if total.violations else 0


if __name__ == "__main__":
    sys.exit(main())
