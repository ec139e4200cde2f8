"""What one worker of a campaign does, and what all kinds of workers have in common."""

import random
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from tests.campaigns.campaign import Campaign, Course, Meeting, campaign
from tests.campaigns.process_faults import KilledAfter, NoFault
from tests.campaigns.processes import Life
from tests.campaigns.report import Report
from tests.campaigns.service_faults import AnyFault

T = TypeVar("T")
Area = Literal["customers", "pool"]
"""What is tried: how customers are set up, or how servers of the pool become theirs."""
_TELL_SECONDS = 60.0
"""How often a worker says how far it is."""


@dataclass(frozen=True)
class Plan:
    """What one of `workers` does. They share what is enumerated; `kills` is each one's own part.

    `minutes` is when it stops, done or not. With a `machine` whole setups are run on a real server, else
    droplets without one. The `long` form enumerates what the short one samples.
    """

    seed: int
    worker: int
    workers: int
    machine: bool
    long: bool
    kills: int
    minutes: float
    area: Area = "customers"

    def run(self, kind: "type[Worker]") -> Report:
        report = Report(self.seed)
        with (
            tempfile.TemporaryDirectory(prefix="campaign-") as folder,
            campaign(Path(folder), report, machine=self.machine) as made,
        ):
            work = kind(self, made, report)
            try:
                work.enumerate()
                while report.killed < self.kills:
                    work.sample()
            except _TimeOver:
                pass
        return report


class _TimeOver(Exception):
    """The worker's minutes are over."""


class Worker(ABC):
    """What the two kinds of workers have in common."""

    def __init__(self, plan: Plan, campaign: Campaign, report: Report) -> None:
        self.plan = plan
        self._campaign = campaign
        self._report = report
        self.chance = random.Random(f"{plan.seed} {plan.worker} {plan.machine}")
        self._ends = time.monotonic() + 60 * plan.minutes
        self._tells = time.monotonic() + _TELL_SECONDS

    @abstractmethod
    def enumerate(self) -> None:
        """All that is tried one after the other; this worker's part of it."""

    @abstractmethod
    def sample(self) -> None:
        """One setup among what is left to chance."""

    def live(
        self,
        family: str,
        course: Course,
        meetings: Sequence[Meeting],
        faults: Sequence[AnyFault] = (),
    ) -> list[Life]:
        if time.monotonic() > self._ends:
            raise _TimeOver
        known = len(self._report.violations)
        lives = self._campaign.live(family, course, meetings, faults)
        for violation in self._report.violations[known:]:
            self._tell(violation)
        if time.monotonic() > self._tells:
            self._tells += _TELL_SECONDS
            self._tell(f"{self._report.killed} kills, {self._report.setups.total()} setups; now: {family}")
        return lives

    def _tell(self, text: str) -> None:
        where = "real servers" if self.plan.machine else "droplets"
        print(
            f"{self.plan.area}, {where}, worker {self.plan.worker + 1}: {text}", file=sys.stderr, flush=True
        )

    def places(self, course: Course, faults: Sequence[AnyFault] = ()) -> list[tuple[str, ...]]:
        """The failpoints of each process of an undisturbed setup."""
        return self._campaign.undisturbed(course, faults)

    def mine(self, all_of_them: Iterable[T]) -> Iterator[T]:
        """Every so many-th, from this worker's number on."""
        workers, worker = self.plan.workers, self.plan.worker
        return (one for number, one in enumerate(all_of_them) if number % workers == worker)

    def alone(self, course: Course, faults: Iterable[AnyFault]) -> None:
        """Each fault by itself."""
        for fault in self.mine(faults):
            self.live("each fault alone", course, [NoFault()] * (3 if course.managed else 1), [fault])

    def any_moment(self, course: Course, seconds: float) -> None:
        self.live("a death at any moment", course, [KilledAfter(self.chance.uniform(0, seconds))])

    def timed(self, course: Course) -> tuple[list[tuple[str, ...]], float]:
        """The failpoints, and how long the processes last."""
        self.places(course)
        began = time.monotonic()
        places = self.places(course)
        return places, time.monotonic() - began
