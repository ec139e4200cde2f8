"""Servers brought up to date: who is behind and in what, and how the waves went."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.durations import took
from provisioner.cli.output.job_results import RunsResult, unreadable, unreadable_files
from provisioner.cli.output.result import Block, Message, Paragraph, Result, Table
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.store import AnyListing
    from provisioner.runs.behind import Behind
    from provisioner.runs.runner import RunResult

_HEADER = ("ADDRESS", "VERSION", "BEHIND")


@dataclass(frozen=True)
class BehindResult(Result):
    """Who is behind; `broken` are the files that cannot be read."""

    found: tuple["Behind", ...]
    broken: tuple["AnyListing", ...] = ()
    kind = "apply-plan"

    @property
    def exit_code(self) -> int:
        return 1 if self.broken else 0

    def blocks(self) -> Iterator[Block]:
        behind = [one for one in self.found if one.differences]
        if behind:
            yield Table(_HEADER, [_row(one) for one in behind], {})
        servers = "1 server" if len(self.found) == 1 else f"{len(self.found)} servers"
        yield Message(f"{len(behind)} of {servers} would be brought up to date")
        yield from unreadable_files(self.broken)

    def document(self) -> dict[str, object]:
        customers = [
            {
                "email": one.customer.email,
                "version": one.customer.setup.moltbot.version,
                "behind": list(one.differences),
            }
            for one in self.found
        ]
        return {"customers": customers, "unreadable": list(map(unreadable, self.broken))}


@dataclass(frozen=True)
class ApplyResult(RunsResult):
    """How the waves went; no wave came to the `untouched`, and those of `so_already` are not behind."""

    untouched: tuple[str, ...] = ()
    so_already: tuple[str, ...] = ()
    kind: str = "apply"
    verb: str = "apply"

    def blocks(self) -> Iterator[Block]:
        yield from super().blocks()
        if self.jobs and self.so_already:
            yield Message(f"{len(self.so_already)} more are up to date already")
        if self.untouched:
            again = command("apply", *self.untouched)
            whom = "1 server was" if len(self.untouched) == 1 else f"{len(self.untouched)} servers were"
            yield Paragraph(
                "", f"{whom} not touched, because one before failed. When that is mended: {again}"
            )

    def document(self) -> dict[str, object]:
        return {
            **super().document(),
            "untouched": list(self.untouched),
            "upToDate": list(self.so_already),
        }

    @property
    def nobody(self) -> str:
        return (
            "Every server is up to date."
            if self.so_already
            else "There is nobody whose assistant is installed."
        )

    def success(self, result: "RunResult") -> str:
        return f"{result.customer.email}: up to date, after {took(result.seconds)}"


def _row(one: "Behind") -> tuple[str, str, str]:
    return one.customer.email, one.customer.setup.moltbot.version or "", "; ".join(one.differences)
