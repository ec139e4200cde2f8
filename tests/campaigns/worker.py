"""One worker of a campaign: `python -m tests.campaigns.worker PLAN`, the plan and the report as JSON."""

import errno
import json
import sys
from collections.abc import Iterator, Sequence

from tests.campaigns.campaign import (
    DROPLET,
    DROPLET_LOST,
    GIVEN,
    MANAGED,
    SERVER_LOST,
    TOGETHER,
)
from tests.campaigns.claims import Claims, PoolServers
from tests.campaigns.forkserver import FILE_PLACES
from tests.campaigns.plan import Area, Plan, Worker
from tests.campaigns.process_faults import ClockSet, DiskFails, Killed, NamesFail, NoFault
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

_DAY = 86_400
_CREATIONS: tuple[tuple[AnyFault, ...], ...] = (
    (LOST_ANSWER,),
    (LISTS_LAG, TAGS_LAG),
    (LOST_ANSWER, LISTS_LAG, TAGS_LAG),
    (VANISHES,),
)
"""Ways for the creation of a droplet to go wrong that are worth a death at each failpoint."""
_WITHIN_A_WRITE = ("before write", "after write", "after sync", "before rename", "after sync of the folder")
"""A death there leaves what one right before or after it leaves, but for a file that nobody reads."""


class Droplets(Worker):
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


class Setups(Worker):
    """Customers on a real server, to the end."""

    def enumerate(self) -> None:
        (self._given,), self._lasts = self.timed(GIVEN)
        for at in self.mine(self._apart(self._given)):
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
            for at in self._apart(places):
                if run == 0 and not self.plan.long and "droplets" in places[at]:
                    break
                yield run, at

    def _apart(self, places: Sequence[str]) -> Iterator[int]:
        """The failpoints; in the short form without those within a write: `Droplets` tries them all."""
        for at, place in enumerate(places):
            if self.plan.long or place not in _WITHIN_A_WRITE:
                yield at

    def _disks(self) -> None:
        things = sum(place in FILE_PLACES for place in self._given)
        for at in self.mine(range(things)):
            for way in (errno.ENOSPC, errno.EIO, errno.EROFS):
                self.live("whole setups: the disk fails", GIVEN, [DiskFails(at, way)])


_KINDS: dict[tuple[Area, bool], type[Worker]] = {
    ("customers", False): Droplets,
    ("customers", True): Setups,
    ("pool", False): Claims,
    ("pool", True): PoolServers,
}
"""Who does it: the area, and whether there is a machine."""


def main() -> None:
    plan = Plan(**json.loads(sys.argv[1]))
    print(plan.run(_KINDS[plan.area, plan.machine]).as_json())


if __name__ == "__main__":
    main()
