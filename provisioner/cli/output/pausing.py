"""Customers whose assistant is paused, or runs again."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.job_results import RunsResult, document
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.runs.fleet import JobResult
    from provisioner.runs.runner import RunResult


@dataclass(frozen=True)
class PauseResult(RunsResult):
    """How a run that pauses an assistant, or ends its pause, has ended."""

    kind: str = "pause"
    verb: str = "pause"

    def document(self) -> dict[str, object]:
        entries = [{**document(job), "pause": _entry(job)} for job in self.jobs]
        return {**super().document(), "customers": entries}

    def success(self, result: "RunResult") -> str:
        customer = result.customer
        if customer.setup.pause is None:
            return f"{customer.email}: not paused"
        undo = command("pause", customer.email, options="--undo")
        return f"{customer.email}: paused, and the server stays; to have it run again: {undo}"


def _entry(job: "JobResult") -> dict[str, object] | None:
    pause = job.result.customer.setup.pause if job.result else None
    return pause.model_dump(by_alias=True) if pause else None
