"""What an examination finds: troubles, what each droplet costs, and what was looked at."""

from dataclasses import dataclass, field

ANSWER_SECONDS = 5.0
"""How long one answer may take."""
AT_ONCE = 16
"""How many servers or bots are asked at the same time."""
GONE = ("cancelled", "handed_over")
"""Of whom nothing is expected to answer any more."""


@dataclass(frozen=True)
class Trouble:
    """Something wrong: with whom or what (`whom`), and what to do about it.

    `kind` is settings, token, account, key, firewall, record, run, droplet, server, bot or mail.
    """

    kind: str
    whom: str
    problem: str
    hint: str


@dataclass(frozen=True)
class Cost:
    """What one droplet costs a month, in dollars; None if its size is not on offer any more."""

    droplet: str
    email: str | None
    size: str
    monthly: float | None


@dataclass(frozen=True)
class Diagnosis:
    """What was found; `looked` names what could be looked at."""

    troubles: tuple[Trouble, ...]
    costs: tuple[Cost, ...]
    looked: tuple[str, ...]

    @property
    def monthly(self) -> float:
        """All droplets of known price together, in dollars a month."""
        return sum(cost.monthly or 0.0 for cost in self.costs)


@dataclass
class Findings:
    """What has been found so far."""

    troubles: list[Trouble] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)

    def note(self, kind: str, whom: str, problem: str, hint: str) -> None:
        self.troubles.append(Trouble(kind, whom, problem, hint))
