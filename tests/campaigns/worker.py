"""One worker of a campaign: `python -m tests.campaigns.worker PLAN`, the plan and the tally as JSON."""

import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns import kills
from tests.campaigns.faults import CLOUD, LISTS_LAG, LOST_ANSWER, SERVER, TAGS_LAG, TELEGRAM, AnyFault
from tests.campaigns.kills import Campaign, Tally
from tests.campaigns.processes import Death

Life = tuple[Sequence[Death], Sequence[AnyFault]]


@dataclass(frozen=True)
class Plan:
    """What one of `workers` does. All boundaries are shared out among them; the numbers are each one's own.

    `minutes` is when it stops, done or not. With a `machine` whole setups are run on a real server, else
    droplets without one.
    """

    seed: int
    worker: int
    workers: int
    machine: bool
    pairs: int = 0
    moments: int = 0
    faults: int = 0
    """Pairs of faults; every single one is met anyway."""
    disks: bool = False
    minutes: float = 60.0

    def run(self) -> Tally:
        tally = Tally(self.seed)
        chance = random.Random(f"{self.seed} {self.worker} {self.machine}")
        ends = time.monotonic() + 60 * self.minutes
        with (
            tempfile.TemporaryDirectory(prefix="campaign-") as folder,
            kills.campaign(Path(folder), tally, machine=self.machine) as campaign,
        ):
            for deaths, faults in self._lives(campaign, chance):
                if time.monotonic() > ends:
                    break
                campaign.live(deaths, faults)
        return tally

    def _lives(self, campaign: Campaign, chance: random.Random) -> Iterator[Life]:
        began = time.monotonic()
        campaign.undisturbed()
        places = campaign.undisturbed()
        lasts = (time.monotonic() - began) / 2
        yield from self._mine((deaths, ()) for deaths in kills.singles(places))
        yield from self._mine((deaths, ()) for deaths in kills.broken_disks(places) if self.disks)
        if not self.machine:
            yield from self._mine(self._among_faults(campaign))
        known: list[AnyFault] = [*CLOUD]
        if self.machine:
            known += [*TELEGRAM, *SERVER]
        if self.faults:
            # A death beyond the last boundary is none: the run is left to meet the fault.
            yield from self._mine(([Death(at=10**6)], [fault]) for fault in known)
        yield from (([Death(at=10**6)], chance.sample(known, 2)) for _ in range(self.faults))
        yield from ((deaths, ()) for deaths in kills.pairs(places, self.pairs, chance))
        yield from ((deaths, ()) for deaths in kills.moments(self.moments, lasts, chance))

    def _among_faults(self, campaign: Campaign) -> Iterator[Life]:
        """A death at each boundary of a run whose creation goes wrong."""
        for faults in ((LOST_ANSWER,), (LISTS_LAG, TAGS_LAG), (LOST_ANSWER, LISTS_LAG, TAGS_LAG)):
            for deaths in kills.singles(campaign.undisturbed(faults)):
                yield deaths, faults

    def _mine(self, lives: Iterator[Life]) -> Iterator[Life]:
        return (life for number, life in enumerate(lives) if number % self.workers == self.worker)


def main() -> None:
    tally = Plan(**json.loads(sys.argv[1])).run()
    print(json.dumps(vars(tally)))


def tally_of(text: str) -> Tally:
    """What a worker has printed."""
    document = json.loads(text)
    document["kills"] = Counter(document["kills"])
    document["faults"] = Counter(document["faults"])
    return Tally(**document)


if __name__ == "__main__":
    main()
