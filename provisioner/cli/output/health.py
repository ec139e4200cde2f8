"""How customers' servers are."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.job_results import unreadable, unreadable_files
from provisioner.cli.output.result import Block, Failure, Message, Paragraph, Result, Wrapped
from provisioner.cli.output.terminal import styled

if TYPE_CHECKING:
    from provisioner.customers.store import AnyListing
    from provisioner.health.judge import Sign
    from provisioner.health.sweep import ServerHealth

_PRINTED = 50
"""How many servers with something wrong are printed."""


@dataclass(frozen=True)
class HealthResult(Result):
    """What was seen of each server in so many seconds; exit code 1 if anything is wrong."""

    servers: "tuple[ServerHealth, ...]"
    broken: "tuple[AnyListing, ...]"
    seconds: float
    kind = "health"

    @property
    def exit_code(self) -> int:
        return 1 if self.broken or any(one.problems or one.unwritten for one in self.servers) else 0

    def blocks(self) -> Iterator[Block]:
        shown = [one for one in self.servers if one.signs or one.unwritten]
        for one in shown[:_PRINTED]:
            yield one.customer.email
            for sign in one.signs:
                yield from _sign(sign)
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
        return {
            "healthy": self.exit_code == 0,
            "seconds": round(self.seconds, 1),
            "customers": [_document(one) for one in self.servers],
            "unreadable": list(map(unreadable, self.broken)),
        }


def _sign(sign: "Sign") -> Iterator[Block]:
    mark = styled("✗", "red") if sign.severity == "problem" else styled("!", "yellow")
    yield Wrapped(mark + " ", sign.problem, 2)
    yield Wrapped("  → ", sign.hint, 4)


def _document(one: "ServerHealth") -> dict[str, object]:
    return {
        "email": one.customer.email,
        "healthy": not one.problems,
        "findings": [asdict(sign) for sign in one.signs],
        "waiting": one.waiting,
        "report": asdict(one.report) if one.report is not None else None,
        "unwritten": one.unwritten.summary if one.unwritten is not None else None,
    }
