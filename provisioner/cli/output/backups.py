"""Backups: what was taken, and what all that are kept take."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.job_results import RunsResult, document, outcome_of
from provisioner.cli.output.result import Block, Message

if TYPE_CHECKING:
    from provisioner.runs.fleet import JobResult
    from provisioner.runs.runner import RunResult


def in_words(size: int) -> str:
    """A size in bytes, for people."""
    for unit, divisor in (("GB", 1e9), ("MB", 1e6)):
        if size >= divisor:
            return f"{size / divisor:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"


@dataclass(frozen=True)
class BackupsResult(RunsResult):
    """How the backups of one command went; `kept` is how many there are now of everybody, and their bytes."""

    kind: str = "backup"
    verb: str = "backup"
    kept: tuple[int, int] = (0, 0)
    folder: str = ""

    def blocks(self) -> Iterator[Block]:
        yield from super().blocks()
        number, size = self.kept
        backups = "1 backup" if number == 1 else f"{number} backups"
        yield Message(f"{backups} of all customers, {in_words(size)}, in {self.folder}")

    def document(self) -> dict[str, object]:
        number, size = self.kept
        whole = super().document()
        entries = [{**document(job), "backup": _entry(job)} for job in self.jobs]
        return {
            **whole,
            "customers": entries,
            "kept": {"number": number, "bytes": size, "folder": self.folder},
        }

    @property
    def nobody(self) -> str:
        return "There is nobody whose assistant runs."

    def success(self, result: "RunResult") -> str:
        new, own = result.customer.backups[-1], result.customer.backups
        total = in_words(sum(one.size for one in own))
        return f"{result.customer.email}: {new.file}, {in_words(new.size)}; {len(own)} kept, {total}"


def _entry(job: "JobResult") -> dict[str, object] | None:
    if outcome_of(job) != "done" or job.result is None:
        return None
    entry: dict[str, object] = job.result.customer.backups[-1].model_dump(by_alias=True)
    return entry
