"""Many customers in waves, each of which has to go well before the next begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provisioner.runs.fleet import INTERRUPTED, Fleet, JobResult
from provisioner.runs.workflow import Workflow


@dataclass(frozen=True)
class Waved:
    """How those that were begun ended, in their order, and whom no wave came to."""

    results: tuple[JobResult, ...]
    untouched: tuple[str, ...]


def waves(customers: Sequence[str], canary: int) -> Iterator[Sequence[str]]:
    """The first `canary` of them, then always as many as have been before."""
    done, size = 0, canary
    while done < len(customers):
        yield customers[done : done + size]
        done, size = done + size, done + size


def run_in_waves(fleet: Fleet, customers: Sequence[str], workflow: Workflow, canary: int) -> Waved:
    """Run the workflow for each; after a wave in which one fails nobody else is begun.

    Somebody on whom another process works is no failure. Ctrl-C as of `Fleet.run_all`.
    """
    results: list[JobResult] = []
    for wave in waves(customers, canary):
        results += fleet.run_all(wave, workflow)
        if any(_has_failed(one) for one in results[-len(wave) :]):
            break
    return Waved(tuple(results), tuple(customers[len(results) :]))


def _has_failed(job: JobResult) -> bool:
    return job.exit_code in (1, 2, INTERRUPTED)
