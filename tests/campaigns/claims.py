"""Workers of a campaign who try how servers of the pool become customers', and how the pool gets them."""

import errno
from collections.abc import Sequence

from tests.campaigns.campaign import (
    CLAIM,
    CLAIMED_AND_DRAINED,
    CLAIMED_AT_ONCE,
    CLAIMED_BY_ONE,
    CLAIMED_IN_TURN,
    CLAIMED_TO_THE_END,
    CLAIMS,
    POOL_FILLED,
    Meeting,
)
from tests.campaigns.forkserver import FILE_PLACES
from tests.campaigns.plan import Worker
from tests.campaigns.process_faults import DiskFails, Killed, NoFault, Paused
from tests.campaigns.service_faults import CLAIMING, DRAINING, LOST_CLAIMS, POOL, AnyFault

TAKEN = "after a server of the pool is taken"
_FAULTS: tuple[AnyFault, ...] = (*CLAIMING, *POOL)


class Claims(Worker):
    """Customers who get a server of the pool, while others want it, too."""

    def enumerate(self) -> None:
        (self._claim,), self._lasts = self.timed(CLAIM)
        self._three = len(self.places(CLAIMS)[0])
        self._divided = self.places(CLAIMED_AT_ONCE)
        self._drained = self.places(CLAIMED_AND_DRAINED)
        # What is asked before any effect comes first.
        self._first = next(at for at, place in enumerate(self._claim) if "create" in place)
        self._in_turn()
        self._stand_still()
        if self.plan.long:
            self._together()
            self.alone(CLAIM, CLAIMING)
            self.alone(CLAIMS, POOL)
            self._disk()
            for faults in LOST_CLAIMS:
                self._everywhere_among(faults)

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
                self._divide(self._killed(len(self._divided[0])), self._killed(len(self._divided[1])), faults)
            case 4:
                deaths = [self._killed(len(places)) for places in self._drained]
                self.live("claims and a drain: both die", CLAIMED_AND_DRAINED, [deaths])
            case _:
                fault = self.chance.choice(DRAINING)
                one_dies: Meeting = [self._killed(len(self._drained[0])), NoFault()]
                self.live(
                    "claims and a drain: a death among faults", CLAIMED_AND_DRAINED, [one_dies], [fault]
                )

    def _killed(self, places: int) -> Killed:
        return Killed(self.chance.randrange(places))

    def _divide(self, one: Killed, other: Killed, faults: Sequence[AnyFault] = ()) -> None:
        self.live("two processes, with two customers each: both die", CLAIMED_AT_ONCE, [[one, other]], faults)

    def _in_turn(self) -> None:
        """The first dies, somebody else wants the same server, and then the first comes again."""
        for at in self.mine(range(0 if self.plan.long else self._first, len(self._claim))):
            self.live("a claim, then another one: a death at each failpoint", CLAIMED_IN_TURN, [Killed(at)])

    def _stand_still(self) -> None:
        """Two processes want the same server, of which one stands still meanwhile."""
        family = "two processes and one server: one stands still at each failpoint"
        ends = len(self._claim) if self.plan.long else self._claim.index(TAKEN) + 1
        for at in self.mine(range(self._first, ends)):
            self.live(family, CLAIMED_BY_ONE, [[Paused(at), NoFault()]])

    def _together(self) -> None:
        """Several threads and processes, which take turns as they like."""
        for at in self.mine(range(self._three)):
            self.live("three at once: a death at each failpoint", CLAIMS, [Killed(at)])
        for at in self.mine(range(len(self._divided[0]))):
            self._divide(Killed(at), self._killed(len(self._divided[1])))
        claiming, draining = map(len, self._drained)
        family = "claims and a drain: a death at each failpoint of"
        for at in self.mine(range(draining)):
            self.live(f"{family} the drain", CLAIMED_AND_DRAINED, [[NoFault(), Killed(at)]])
            self.live("claims and a drain: it stands still", CLAIMED_AND_DRAINED, [[NoFault(), Paused(at)]])
        for at in self.mine(range(claiming)):
            self.live(f"{family} the claims", CLAIMED_AND_DRAINED, [[Killed(at), NoFault()]])

    def _everywhere_among(self, faults: Sequence[AnyFault]) -> None:
        for at in self.mine(range(self._first, len(self.places(CLAIM, faults)[0]))):
            self.live("a claim: a death at each failpoint among faults", CLAIM, [Killed(at)], faults)

    def _disk(self) -> None:
        for at in self.mine(range(sum(place in FILE_PLACES for place in self._claim))):
            for way in (errno.ENOSPC, errno.EIO, errno.EROFS):
                self.live("a claim: the disk fails at each thing done to a file", CLAIM, [DiskFails(at, way)])


class PoolServers(Worker):
    """Real servers that are made for the pool, and then become customers'."""

    def enumerate(self) -> None:
        [self._whole] = self.places(CLAIMED_TO_THE_END)
        [self._fill] = self.places(POOL_FILLED)
        if self.plan.long:
            for at in self.mine(range(len(self._fill))):
                self._die_filling(Killed(at))
            family = "whole setups from the pool: a death at each failpoint"
            for at in self.mine(range(len(self._whole))):
                self.live(family, CLAIMED_TO_THE_END, [Killed(at)])

    def sample(self) -> None:
        """One setup among what is left to chance."""
        if self.chance.randrange(2):
            self._die_filling(Killed(self.chance.randrange(len(self._fill))))
        else:
            deaths = [Killed(self.chance.randrange(len(self._whole)))]
            self.live("whole setups from the pool: a death", CLAIMED_TO_THE_END, deaths)

    def _die_filling(self, death: Killed) -> None:
        self.live("pool fill, then a whole setup: a death at each failpoint", POOL_FILLED, [death])
