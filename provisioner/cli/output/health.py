"""How customers' servers are, and what was mended there."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.job_results import outcome_of, summary_of, unreadable, unreadable_files
from provisioner.cli.output.result import Block, Failure, Message, Paragraph, Result, Wrapped
from provisioner.cli.output.terminal import styled

if TYPE_CHECKING:
    from provisioner.customers.store import AnyListing
    from provisioner.health.judge import Sign
    from provisioner.health.look import ServerHealth
    from provisioner.runs.fleet import JobResult

_PRINTED = 50
"""How many servers with something wrong are printed."""
_EVENTS = ("server_mended", "mending_failed")


@dataclass(frozen=True)
class HealthResult(Result):
    """What was seen of each server in so many seconds; exit code 1 if anything is wrong.

    `jobs` are the runs that mended, after which those servers were looked at again.
    """

    servers: "tuple[ServerHealth, ...]"
    broken: "tuple[AnyListing, ...]"
    seconds: float
    jobs: "tuple[JobResult, ...]" = ()
    kind = "health"

    @property
    def exit_code(self) -> int:
        from provisioner.runs.fleet import worst

        wrong = self.broken or any(one.problems or one.unwritten for one in self.servers)
        return worst(self.jobs) or int(bool(wrong))

    def blocks(self) -> Iterator[Block]:
        mended = self._mended
        shown = [one for one in self.servers if one.signs or one.unwritten or one.customer.email in mended]
        for one in shown[:_PRINTED]:
            yield one.customer.email
            if one.customer.email in mended:
                yield Wrapped("  ", mended[one.customer.email], 2)
            for sign in one.signs:
                yield from _sign(one, sign)
            if one.unwritten is not None:
                yield Failure(one.unwritten)
        if len(shown) > _PRINTED:
            yield f"and {len(shown) - _PRINTED} more; provisioner health --all --json has them all"
        yield from unreadable_files(self.broken)
        if not self.servers:
            yield Message("There is nobody whose assistant runs.")
            return
        wrong = sum(bool(one.problems) for one in self.servers)
        number = "1 server" if len(self.servers) == 1 else f"{len(self.servers)} servers"
        words = f"{number} in {self.seconds:.1f} s; {wrong or 'nothing'} wrong"
        yield Paragraph("looked at: ", words)

    def document(self) -> dict[str, object]:
        mended = self._mended
        return {
            "healthy": self.exit_code == 0,
            "seconds": round(self.seconds, 1),
            "customers": [_document(one, mended.get(one.customer.email)) for one in self.servers],
            "unreadable": list(map(unreadable, self.broken)),
        }

    @property
    def _mended(self) -> Mapping[str, str]:
        """What became of each run that mended, by address."""
        return {job.who: _described(job) for job in self.jobs}


def _described(job: "JobResult") -> str:
    outcome = outcome_of(job)
    if outcome != "done" or job.result is None:
        return f"{outcome}: {summary_of(job)}"
    events = [one for one in job.result.customer.timeline if one.event in _EVENTS]
    return (events[-1].details or "") if events else "nothing was left to mend"


def _sign(one: "ServerHealth", sign: "Sign") -> Iterator[Block]:
    from provisioner.health.mending import told

    mark = styled("✗", "red") if sign.severity == "problem" else styled("!", "yellow")
    tried = told(one.customer, sign)
    yield Wrapped(mark + " ", sign.problem + (f"; {tried}" if tried else ""), 2)
    yield Wrapped("  → ", sign.hint, 4)


def _document(one: "ServerHealth", mended: str | None) -> dict[str, object]:
    return {
        "email": one.customer.email,
        "healthy": not one.problems,
        "findings": [asdict(sign) for sign in one.signs],
        "waiting": one.waiting,
        "report": asdict(one.report) if one.report is not None else None,
        "held": one.held,
        "mended": mended,
        "unwritten": one.unwritten.summary if one.unwritten is not None else None,
    }
