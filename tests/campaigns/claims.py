"""Workers of a campaign who try how servers of the pool become customers', and how the pool gets them."""

import errno
import random
from collections.abc import Iterable, Iterator, Sequence

from tests.campaigns.campaign import (
    CLAIM,
    CLAIMED_AND_DRAINED,
    CLAIMED_AT_ONCE,
    CLAIMED_BY_ONE,
    CLAIMED_IN_TURN,
    CLAIMED_TO_THE_END,
    CLAIMS,
    POOL_FILLED,
    Course,
    Meeting,
)
from tests.campaigns.forkserver import FILE_PLACES
from tests.campaigns.plan import Worker
from tests.campaigns.process_faults import DiskFails, Killed, NoFault, Paused
from tests.campaigns.service_faults import CLAIMING, DRAINING, LOST_CLAIMS, POOL, AnyFault

_DIVIDED = "two processes, with two customers each: both die"
_TAKEN = "after a server of the pool is taken"
_FAULTS: tuple[AnyFault, ...] = (*CLAIMING, *POOL)


Trial = tuple[str, Course, Sequence[Meeting], Sequence[AnyFault]]
"""A family of trials, the course, and what happens in it."""


class Claims(Worker):
    """Customers who get a server of the pool, while others want it, too."""

    def enumerate(self) -> None:
        (self._claim,), self._lasts = self.timed(CLAIM)
        self._three = len(self.places(CLAIMS)[0])
        self._divided = [len(places) for places in self.places(CLAIMED_AT_ONCE)]
        self._drained = [len(places) for places in self.places(CLAIMED_AND_DRAINED)]
        # What is asked before any effect comes first.
        self._first = next(at for at, place in enumerate(self._claim) if "create" in place)
        trials = [*self._in_turn(), *self._standing_still()]
        if self.plan.long:
            trials += [*self._together(), *self._with_a_drain(), *self._alone(), *self._deaths_among_faults()]
        for family, course, meetings, faults in self.mine(_mixed(trials, self.plan.seed)):
            self.live(family, course, meetings, faults)

    def sample(self) -> None:
        """One claim among what is left to chance."""
        match self.chance.randrange(6):
            case 0:
                self.live("three at once: two deaths", CLAIMS, [self._killed(self._three) for _ in range(2)])
            case 1:
                self.any_moment(CLAIMS, 2 * self._lasts)
            case 2:
                fault = self.chance.choice(_FAULTS)
                self.live("three at once: a death among faults", CLAIMS, [self._killed(self._three)], [fault])
            case 3:
                faults = self.chance.sample(_FAULTS, self.chance.randrange(2))
                self.live(_DIVIDED, CLAIMED_AT_ONCE, [list(map(self._killed, self._divided))], faults)
            case 4:
                deaths = list(map(self._killed, self._drained))
                self.live("claims and a drain: both die", CLAIMED_AND_DRAINED, [deaths])
            case _:
                fault = self.chance.choice(DRAINING)
                one_dies: Meeting = [self._killed(self._drained[0]), NoFault()]
                self.live(
                    "claims and a drain: a death among faults", CLAIMED_AND_DRAINED, [one_dies], [fault]
                )

    def _killed(self, places: int) -> Killed:
        return Killed(self.chance.randrange(places))

    def _in_turn(self) -> Iterator[Trial]:
        """The first dies, somebody else wants the same server, and then the first comes again."""
        for at in range(0 if self.plan.long else self._first, len(self._claim)):
            yield "a claim, then another one: a death at each failpoint", CLAIMED_IN_TURN, [Killed(at)], ()

    def _standing_still(self) -> Iterator[Trial]:
        """Two processes want the same server, of which one stands still meanwhile."""
        family = "two processes and one server: one stands still at each failpoint"
        ends = len(self._claim) if self.plan.long else self._claim.index(_TAKEN) + 1
        for at in range(self._first, ends):
            yield family, CLAIMED_BY_ONE, [[Paused(at), NoFault()]], ()

    def _together(self) -> Iterator[Trial]:
        """Several threads and processes, which take turns as they like."""
        for at in range(self._three):
            yield "three at once: a death at each failpoint", CLAIMS, [Killed(at)], ()
        for at in range(self._divided[0]):
            yield _DIVIDED, CLAIMED_AT_ONCE, [[Killed(at), self._killed(self._divided[1])]], ()

    def _with_a_drain(self) -> Iterator[Trial]:
        claiming, draining = self._drained
        family = "claims and a drain: a death at each failpoint of"
        for at in range(claiming):
            yield f"{family} the claims", CLAIMED_AND_DRAINED, [[Killed(at), NoFault()]], ()
        for at in range(draining):
            yield f"{family} the drain", CLAIMED_AND_DRAINED, [[NoFault(), Killed(at)]], ()
            still = "claims and a drain: it stands still at each failpoint"
            yield still, CLAIMED_AND_DRAINED, [[NoFault(), Paused(at)]], ()

    def _alone(self) -> Iterator[Trial]:
        """Each fault by itself."""
        for fault in CLAIMING:
            yield "a claim: each fault alone", CLAIM, [NoFault()], [fault]
        for damage in POOL:
            yield "three at once: each fault alone", CLAIMS, [NoFault()], [damage]
        for fault in DRAINING:
            yield (
                "claims and a drain: each fault alone",
                CLAIMED_AND_DRAINED,
                [[NoFault(), NoFault()]],
                [fault],
            )
        for at in range(sum(place in FILE_PLACES for place in self._claim)):
            for way in (errno.ENOSPC, errno.EIO, errno.EROFS):
                yield "a claim: the disk fails at each thing done to a file", CLAIM, [DiskFails(at, way)], ()

    def _deaths_among_faults(self) -> Iterator[Trial]:
        for faults in LOST_CLAIMS:
            for at in range(self._first, len(self.places(CLAIM, faults)[0])):
                yield "a claim: a death at each failpoint among faults", CLAIM, [Killed(at)], faults


class PoolServers(Worker):
    """Real servers that are made for the pool, and then become customers'."""

    def enumerate(self) -> None:
        [self._whole] = self.places(CLAIMED_TO_THE_END)
        [self._fill] = self.places(POOL_FILLED)
        if self.plan.long:
            for family, course, meetings, _ in self.mine(_mixed(self._everywhere(), self.plan.seed)):
                self.live(family, course, meetings)

    def sample(self) -> None:
        """One setup among what is left to chance."""
        if self.chance.randrange(2):
            deaths = [Killed(self.chance.randrange(len(self._fill)))]
            self.live("pool fill, then a whole setup: a death", POOL_FILLED, deaths)
        else:
            deaths = [Killed(self.chance.randrange(len(self._whole)))]
            self.live("whole setups from the pool: a death", CLAIMED_TO_THE_END, deaths)

    def _everywhere(self) -> Iterator[Trial]:
        for at in range(len(self._fill)):
            yield "pool fill, then a whole setup: a death at each failpoint", POOL_FILLED, [Killed(at)], ()
        for at in range(len(self._whole)):
            yield (
                "whole setups from the pool: a death at each failpoint",
                CLAIMED_TO_THE_END,
                [Killed(at)],
                (),
            )


def _mixed(trials: Iterable[Trial], seed: int) -> list[Trial]:
    """In another order: however soon the time is over, something of everything has been tried."""
    mixed = list(trials)
    random.Random(seed).shuffle(mixed)
    return mixed
