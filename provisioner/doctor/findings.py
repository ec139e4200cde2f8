"""The results of an examination: problems and advice, the cost of each droplet, and what was checked."""

from dataclasses import dataclass, field

from provisioner.health.judge import Severity

ANSWER_SECONDS = 5.0
"""How long one answer may take."""
AT_ONCE = 16
"""How many servers or bots are asked at the same time."""


@dataclass(frozen=True)
class Trouble:
    """Something wrong: with whom or what (`whom`), and what to do about it.

    `kind` is settings, token, account, limit, region, size, image, key, model, firewall, record, run,
    droplet, server, bot or mail.
    Advice is what the operator should know although nothing is broken: it makes nobody unhealthy.
    """

    kind: str
    whom: str
    problem: str
    hint: str
    severity: Severity = "problem"


@dataclass(frozen=True)
class Cost:
    """What one droplet costs a month, in dollars; None if its size is not on offer any more.

    `email` is its customer's, None where no record has it; `workspace` is the mark of another one
    whose droplet it is; `use` is what one of our own is for: "pool" or "image builder".
    """

    droplet: str
    email: str | None
    size: str
    monthly: float | None
    workspace: str | None = None
    use: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """What was found; `looked` names what could be looked at."""

    findings: tuple[Trouble, ...]
    costs: tuple[Cost, ...]
    looked: tuple[str, ...]

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong."""
        return tuple(finding for finding in self.findings if finding.severity == "problem")

    @property
    def advice(self) -> tuple[Trouble, ...]:
        """What is not wrong, and should be known."""
        return tuple(finding for finding in self.findings if finding.severity == "advice")

    @property
    def monthly(self) -> float:
        """All droplets of this workspace of known price together, in dollars a month."""
        return sum(cost.monthly or 0.0 for cost in self.costs if cost.workspace is None)


@dataclass
class Findings:
    """What has been found so far."""

    noted: list[Trouble] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)

    def note(self, kind: str, whom: str, problem: str, hint: str) -> None:
        """Something wrong."""
        self.add(kind, whom, problem, hint)

    def advise(self, kind: str, whom: str, problem: str, hint: str) -> None:
        """Something that is not wrong, and should be known."""
        self.add(kind, whom, problem, hint, "advice")

    def add(self, kind: str, whom: str, problem: str, hint: str, severity: Severity = "problem") -> None:
        self.noted.append(Trouble(kind, whom, problem, hint, severity))
