"""One worker of a campaign: `python -m tests.campaigns.worker PLAN`, the plan and the report as JSON."""

import errno
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.campaigns.campaign import (
    DROPLET,
    DROPLET_LOST,
    GIVEN,
    MANAGED,
    SERVER_LOST,
    TOGETHER,
    Campaign,
    Course,
    campaign,
)
from tests.campaigns.forkserver import FILE_PLACES
from tests.campaigns.process_faults import (
    ClockSet,
    DiskFails,
    Killed,
    KilledAfter,
    NamesFail,
    NoFault,
    ProcessFault,
)
from tests.campaigns.processes import Life
from tests.campaigns.report import Report
from tests.campaigns.service_faults import (
    CLOUD,
    LATER_PAGES,
    LISTS_LAG,
    LOST_ANSWER,
    MAIL,
    SERVER,
    TAGS_LAG,
    TELEGRAM,
    VANISHES,
    AnyFault,
)

T = TypeVar("T")
_DAY = 86_400
_TELL_SECONDS = 60.0
"""How often a worker says how far it is."""
_CREATIONS: tuple[tuple[AnyFault, ...], ...] = (
    (LOST_ANSWER,),
    (LISTS_LAG, TAGS_LAG),
    (LOST_ANSWER, LISTS_LAG, TAGS_LAG),
    (VANISHES,),
)
"""Ways for the creation of a droplet to go wrong that are worth a death at each failpoint."""


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

    def run(self) -> Report:
        report = Report(self.seed)
        with (
            tempfile.TemporaryDirectory(prefix="campaign-") as folder,
            campaign(Path(folder), report, machine=self.machine) as made,
        ):
            kind = Setups if self.machine else Droplets
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


class _Worker:
    """What the two kinds of workers have in common."""

    def __init__(self, plan: Plan, campaign: Campaign, report: Report) -> None:
        self.plan = plan
        self._campaign = campaign
        self._report = report
        self.chance = random.Random(f"{plan.seed} {plan.worker} {plan.machine}")
        self._ends = time.monotonic() + 60 * plan.minutes
        self._tells = time.monotonic() + _TELL_SECONDS

    def live(
        self,
        family: str,
        course: Course,
        process_faults: Sequence[ProcessFault],
        faults: Sequence[AnyFault] = (),
    ) -> list[Life]:
        if time.monotonic() > self._ends:
            raise _TimeOver
        known = len(self._report.violations)
        lives = self._campaign.live(family, course, process_faults, faults)
        for violation in self._report.violations[known:]:
            self._tell(violation)
        if time.monotonic() > self._tells:
            self._tells += _TELL_SECONDS
            self._tell(f"{self._report.killed} kills, {self._report.setups.total()} setups; now: {family}")
        return lives

    def _tell(self, text: str) -> None:
        where = "real servers" if self.plan.machine else "droplets"
        print(f"{where}, worker {self.plan.worker + 1}: {text}", file=sys.stderr, flush=True)

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


class Droplets(_Worker):
    """Customers who get a droplet: all that can happen around its creation."""

    def enumerate(self) -> None:
        (self._places,), self._lasts = self.timed(DROPLET)
        # What is asked before any effect comes first.
        self._asked = next(at for at, place in enumerate(self._places) if "create" in place)
        self._everywhere()
        self._own_machine()
        for faults in _CREATIONS:
            self._everywhere_among(faults)
        self.alone(DROPLET, CLOUD)
        self._together()
        self._lost = self.places(DROPLET_LOST)[0]
        if self.plan.long:
            for at in self.mine(range(len(self._lost))):
                self.live("a lost droplet: a death at each failpoint", DROPLET_LOST, [Killed(at)])
            for fault in CLOUD:
                self._everywhere_among((fault,))
            self._every_pair()

    def sample(self) -> None:
        """One setup among what is left to chance."""
        at = self.chance.randrange(len(self._places))
        later = self.chance.randrange(max(1, len(self._places) - at))
        match self.chance.randrange(5):
            case 0:
                self.live("two deaths", DROPLET, [Killed(at), Killed(later)])
            case 4:
                fault = self.chance.choice([one for one in CLOUD if not one.replaces])
                deaths = [Killed(self.chance.randrange(len(self._lost))) for _ in range(2)]
                self.live("a lost droplet: two deaths among faults", DROPLET_LOST, deaths, [fault])
            case 1:
                self.any_moment(DROPLET, self._lasts)
            case 2:
                faults = self.chance.sample(CLOUD, 2)
                self.live("a death among two faults", DROPLET, [Killed(at)], faults)
            case _:
                faults = self.chance.sample((*CLOUD, *LATER_PAGES), 2)
                deaths = [Killed(self.chance.randrange(3 * len(self._places))) for _ in range(2)]
                self.live("three at once: two deaths among two faults", TOGETHER, deaths, faults)

    def _everywhere(self) -> None:
        for at in self.mine(range(len(self._places))):
            self.live("a death at each failpoint", DROPLET, [Killed(at)])

    def _everywhere_among(self, faults: Sequence[AnyFault]) -> None:
        family = "a death at each failpoint among faults"
        first = 0 if self.plan.long else self._asked
        for at in self.mine(range(first, sum(map(len, self.places(DROPLET, faults))))):
            if not self.live(family, DROPLET, [Killed(at)], faults)[0].killed:
                return

    def _every_pair(self) -> None:
        """At each failpoint, and then at each one of the run that picks up from there."""
        for at in self.mine(range(len(self._places))):
            later = 0
            while self.live("every pair of deaths", DROPLET, [Killed(at), Killed(later)])[1].killed:
                later += 1

    def _own_machine(self) -> None:
        """Disk, names and clock of the machine that `provisioner` runs on."""
        things = sum(place in FILE_PLACES for place in self._places)
        for at in self.mine(range(things)):
            for way in (errno.ENOSPC, errno.EIO, errno.EROFS):
                self.live("the disk fails at each thing done to a file", DROPLET, [DiskFails(at, way)])
        for at in self.mine(range(0 if self.plan.long else self._asked, len(self._places))):
            for seconds in (_DAY, -_DAY):
                self.live("the clock is set at each failpoint", DROPLET, [ClockSet(at, seconds)])
        first, struck = self.plan.worker, True
        while struck:
            for count in (1, 4):
                life = self.live("DNS fails from each look-up on", DROPLET, [NamesFail(first, count)])[0]
            struck = life.struck > 0
            first += self.plan.workers

    def _together(self) -> None:
        """Three customers by one process, whose threads take turns as they like."""
        for at in self.mine(range(sum(map(len, self.places(TOGETHER))))):
            self.live("three at once: a death at each failpoint", TOGETHER, [Killed(at)])
        self.alone(TOGETHER, LATER_PAGES)


class Setups(_Worker):
    """Customers on a real server, to the end."""

    def enumerate(self) -> None:
        (self._given,), self._lasts = self.timed(GIVEN)
        for at in self.mine(range(len(self._given))):
            self.live("whole setups: a death at each failpoint", GIVEN, [Killed(at)])
        self._managed = self.places(MANAGED)
        for run, at in self.mine(self._own_bot()):
            family = "whole setups, the customer makes the bot: a death at each failpoint"
            self.live(family, MANAGED, [*[NoFault()] * run, Killed(at)])
        self._lost = self.places(SERVER_LOST)[0]
        if self.plan.long:
            for at in self.mine(range(len(self._lost))):
                self.live("whole setups, a lost server: a death at each failpoint", SERVER_LOST, [Killed(at)])
            self._disks()
            self.alone(GIVEN, SERVER)
            self.alone(MANAGED, (*TELEGRAM, *MAIL))

    def sample(self) -> None:
        """One setup among what is left to chance."""
        match self.chance.randrange(5):
            case 4:
                deaths = [Killed(self.chance.randrange(len(self._lost)))]
                self.live("whole setups, a lost server: a death", SERVER_LOST, deaths)
            case 0 | 1:
                at = self.chance.randrange(len(self._given))
                later = self.chance.randrange(max(1, len(self._given) - at))
                self.live("whole setups: two deaths", GIVEN, [Killed(at), Killed(later)])
            case 2:
                self.any_moment(GIVEN, self._lasts)
            case _:
                deaths = [Killed(self.chance.randrange(len(places))) for places in self._managed]
                fault = self.chance.choice((*TELEGRAM, *MAIL))
                family = "whole setups, the customer makes the bot: a death in each run among faults"
                self.live(family, MANAGED, deaths, [fault])

    def _own_bot(self) -> Iterator[tuple[int, int]]:
        """What a customer's own bot adds: all before the droplet, and all after the server is there."""
        for run, places in enumerate(self._managed):
            for at, place in enumerate(places):
                if run == 0 and not self.plan.long and "droplets" in place:
                    break
                yield run, at

    def _disks(self) -> None:
        things = sum(place in FILE_PLACES for place in self._given)
        for at in self.mine(range(things)):
            for way in (errno.ENOSPC, errno.EIO, errno.EROFS):
                self.live("whole setups: the disk fails", GIVEN, [DiskFails(at, way)])


def main() -> None:
    print(Plan(**json.loads(sys.argv[1])).run().as_json())


if __name__ == "__main__":
    main()
