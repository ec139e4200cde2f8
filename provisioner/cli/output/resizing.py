"""Servers that were given another size."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.durations import took
from provisioner.cli.output.job_results import RunsResult, document

if TYPE_CHECKING:
    from provisioner.runs.runner import RunResult


@dataclass(frozen=True)
class ResizeResult(RunsResult):
    """How a run that gives a server another size has ended."""

    kind: str = "resize"
    verb: str = "resize"

    def document(self) -> dict[str, object]:
        sizes = [job.result.customer.setup.droplet.size if job.result else None for job in self.jobs]
        entries = [{**document(job), "size": size} for job, size in zip(self.jobs, sizes, strict=True)]
        return {**super().document(), "customers": entries}

    def success(self, result: "RunResult") -> str:
        size = result.customer.setup.droplet.size
        if result.step is None:
            return f"{result.customer.email}: the server is {size} already"
        return f"{result.customer.email}: the server is {size} now, after {took(result.seconds)}"
