"""Secrets that were replaced: how the waves went."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.durations import took
from provisioner.cli.output.job_results import RunsResult
from provisioner.cli.output.result import Block, Message, Paragraph
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.runs.runner import RunResult


@dataclass(frozen=True)
class RotateResult(RunsResult):
    """How the waves went; no wave came to the `untouched`. `goes_on`: it was begun before, for more."""

    untouched: tuple[str, ...] = ()
    goes_on: bool = False
    kind: str = "rotate"
    verb: str = "rotate"

    def blocks(self) -> Iterator[Block]:
        yield from super().blocks()
        if self.goes_on:
            yield Message("it went on with those who were left; --again is for everybody anew")
        if self.untouched:
            whom = "1 customer was" if len(self.untouched) == 1 else f"{len(self.untouched)} customers were"
            again = command(self.verb, *self.untouched)
            yield Paragraph(
                "", f"{whom} not touched, because one before failed. When that is mended: {again}"
            )

    def document(self) -> dict[str, object]:
        return {**super().document(), "untouched": list(self.untouched), "wentOn": self.goes_on}

    @property
    def nobody(self) -> str:
        return "There is nobody who has one."

    def success(self, result: "RunResult") -> str:
        event = result.customer.timeline[-1]
        if result.step is None:
            return f"{result.customer.email}: nothing to do"
        return f"{result.customer.email}: {event.details}, after {took(result.seconds)}"


@dataclass(frozen=True)
class OperatorKeyResult(RunsResult):
    """How far the change of the operator's own key is: which one is `in_use`, and whether it is `over`."""

    new_in_use: bool = False
    over: bool = False
    kind: str = "rotate-ssh-key"
    verb: str = "rotate ssh-key"

    @property
    def exit_code(self) -> int:
        return super().exit_code or (0 if self.over else 1)

    def blocks(self) -> Iterator[Block]:
        if self.jobs or self.broken:
            yield from super().blocks()
        if self.over:
            yield Message("the new key is in use, and no server takes the old one, which is deleted")
            return
        state = (
            "the new key is in use" if self.new_in_use else "the old key is in use, and every server takes it"
        )
        blocked = "refuses the old one" if self.new_in_use else "takes the new one"
        yield Message(f"{state}; it goes on when each of the above {blocked}: {command(self.verb)}")

    def document(self) -> dict[str, object]:
        return {**super().document(), "newInUse": self.new_in_use, "over": self.over}

    def success(self, result: "RunResult") -> str:
        return f"{result.customer.email}: {result.customer.timeline[-1].details}"
