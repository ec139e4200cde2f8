"""Servers that were given another size, or are in another region."""

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


@dataclass(frozen=True)
class MoveResult(RunsResult):
    """How a run that moves a server has ended."""

    kind: str = "move"
    verb: str = "move"

    def document(self) -> dict[str, object]:
        found = [job.result.customer.setup.droplet if job.result else None for job in self.jobs]
        entries = [
            {**document(job), "region": one.region if one else None, "droplet": one.id if one else None}
            for job, one in zip(self.jobs, found, strict=True)
        ]
        return {**super().document(), "customers": entries}

    def success(self, result: "RunResult") -> str:
        droplet = result.customer.setup.droplet
        if result.step is None:
            return f"{result.customer.email}: the server is in {droplet.region}"
        return f"{result.customer.email}: the server is in {droplet.region}, and no other one is left"
