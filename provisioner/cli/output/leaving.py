"""Customers who leave: how far that is, and what comes next."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.job_results import RunsResult, document
from provisioner.cli.output.result import Block, Message
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.record import Customer
    from provisioner.runs.fleet import JobResult
    from provisioner.runs.runner import RunResult


@dataclass(frozen=True)
class LeavingResult(RunsResult):
    """How a run for one customer who leaves ended."""

    kind: str = "cancel"
    verb: str = "cancel"

    def blocks(self) -> Iterator[Block]:
        yield from super().blocks()
        for job in self.jobs:
            if job.until and job.result and _can_be_undone(job.result.customer):
                yield Message(f"  to undo it: {command('cancel', job.who, options='--undo')}")

    def document(self) -> dict[str, object]:
        entries = [{**document(job), "leaving": _entry(job)} for job in self.jobs]
        return {**super().document(), "customers": entries}

    def success(self, result: "RunResult") -> str:
        customer = result.customer
        if customer.leaving is None:
            return f"{customer.email}: stays, and is {customer.status}"
        return f"{customer.email}: has left; {_what_is_kept(customer)}"


def _can_be_undone(customer: "Customer") -> bool:
    return customer.leaving is not None and customer.leaving.destroying_at is None


def _what_is_kept(customer: "Customer") -> str:
    leaving = customer.leaving
    if leaving is None or leaving.backup is None:
        return "no backup is kept, and the record is in the archive"
    return f"the last backup is {leaving.backup}, and the record is in the archive"


def _entry(job: "JobResult") -> dict[str, object] | None:
    leaving = job.result.customer.leaving if job.result else None
    return leaving.model_dump(by_alias=True) if leaving else None
