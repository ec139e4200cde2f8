"""What `plan` found: each step, what it would do, and what is missing for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.cli.output.result import Block, Result, Wrapped
from provisioner.cli.output.terminal import styled
from provisioner.runs.planning import Plan, StepPlan

MISSING = 2
"""The exit code where a run would be refused because something is missing."""


@dataclass(frozen=True)
class PlanResult(Result):
    """The plan of one customer."""

    plan: Plan
    kind = "plan"

    @property
    def exit_code(self) -> int:
        return MISSING if self.plan.missing else 0

    def blocks(self) -> Iterator[Block]:
        yield Wrapped(styled("to have     ", "bold"), str(self.plan.wanted), 14)
        for step in self.plan.steps:
            yield from _step(step)

    def document(self) -> dict[str, object]:
        return {
            "email": self.plan.customer.email,
            "wanted": self.plan.wanted.document(),
            "steps": [_document(step) for step in self.plan.steps],
        }


def _step(step: StepPlan) -> Iterator[Block]:
    yield styled(step.step, "bold") + ("  done" if step.done else "")
    for need in step.missing:
        yield _item("missing", "red", need)
    for planned in step.planned:
        if planned.needed:
            yield _item("behind" if planned.behind else "would", "yellow", planned.text)
    if so_already := [planned.text for planned in step.planned if not planned.needed]:
        few = len(step.planned) <= 2
        text = ", ".join(so_already) if few else f"{len(so_already)} of {len(step.planned)} tasks"
        yield _item("so already", "dim", text)


def _item(word: str, style: str, text: str) -> Wrapped:
    return Wrapped(styled(f"  {word:<10}  ", style), text, 14)


def _document(step: "StepPlan") -> dict[str, object]:
    return {
        "step": step.step,
        "done": step.done,
        "missing": list(step.missing),
        "planned": [
            {"text": planned.text, "needed": planned.needed, "behind": planned.behind}
            for planned in step.planned
        ],
    }
