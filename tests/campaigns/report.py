"""What a campaign has done and found, as sums and as the table for the documentation."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """The sums of one campaign, or of one worker's part of it."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    """How often a process was killed, by the failpoint."""
    setups: Counter[str] = field(default_factory=Counter)
    """How many setups were tried, by what was tried with them."""
    families: Counter[str] = field(default_factory=Counter)
    """How many kills there were, by the same."""
    faults: Counter[str] = field(default_factory=Counter)
    """How often a run went among each fault."""
    again: int = 0
    """How often a first message was sent a second time because the process died right after sending it."""
    unsent: int = 0
    """How many e-mails were never sent because the process died right before sending them."""
    reads: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def killed(self) -> int:
        return self.kills.total()

    def add(self, other: "Report") -> None:
        """What another worker has done at the same time."""
        for mine, theirs in (
            (self.kills, other.kills),
            (self.setups, other.setups),
            (self.families, other.families),
            (self.faults, other.faults),
        ):
            mine.update(theirs)
        self.again += other.again
        self.unsent += other.unsent
        self.reads += other.reads
        self.violations += other.violations
        self.seconds = max(self.seconds, other.seconds)

    def as_json(self) -> str:
        return json.dumps(vars(self))

    @classmethod
    def of_json(cls, text: str) -> "Report":
        document = json.loads(text)
        for name in ("kills", "setups", "families", "faults"):
            document[name] = Counter(document[name])
        return cls(**document)

    @property
    def headline(self) -> str:
        """The seed and the sums in one line."""
        return (
            f"seed {self.seed}: {self.killed} kills in {self.setups.total()} setups, "
            f"{self.faults.total()} faults, {self.reads} reads of records meanwhile, {self.seconds:.0f} s; "
            f"first messages sent again: {self.again}; e-mails not sent: {self.unsent}; "
            f"violations: {len(self.violations)}"
        )

    @property
    def as_markdown(self) -> str:
        """Everything, in Markdown."""
        tried = [(name, f"{number} | {self.families[name]}") for name, number in sorted(self.setups.items())]
        return "\n".join(
            (
                self.headline,
                *(f"- {one}" for one in self.violations),
                *_table("what was tried | setups | kills", tried),
                *_table("killed at | times", sorted(self.kills.items())),
                *_table("fault | times", sorted(self.faults.items())),
            )
        )


def _table(head: str, rows: Sequence[tuple[str, object]]) -> list[str]:
    lines = [f"| {name} | {rest} |" for name, rest in rows]
    return ["", f"| {head} |", "|---" * (head.count("|") + 1) + "|", *lines]
