"""`plan`: what `provision` would do for a customer."""

from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output import render

if TYPE_CHECKING:
    from provisioner.runs.planning import Plan, StepPlan

MISSING = 2
"""The exit code where a run would be refused because something is missing."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("plan")(plan)


def plan(
    who: Annotated[
        str, typer.Argument(metavar="EMAIL", help="The customer's address, or their id (cust_…).")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show what each step would do, without doing it.

    A server that is there already is asked, task by task, what is not as it should be. Exit code 2 if
    something is missing that a run needs, or DigitalOcean would refuse; 1 if it cannot be asked, or the
    server.
    """
    from provisioner.cli.output.live import shown_in_passing
    from provisioner.runs.planning import plan as make_plan
    from provisioner.settings import load_settings

    workspace = current_workspace()
    with shown_in_passing("looking") as say:
        made = make_plan(workspace, load_settings(workspace.root), who, say)
    if as_json:
        render.print_json("plan", email=made.customer.email, steps=[_document(step) for step in made.steps])
    else:
        _print(made)
    raise typer.Exit(MISSING if made.missing else 0)


def _print(made: "Plan") -> None:
    for step in made.steps:
        render.print_line(render.styled(step.step, "bold") + ("  done" if step.done else ""))
        for need in step.missing:
            _print_item("missing", "red", need)
        so_already = sum(not planned.needed for planned in step.planned)
        for planned in step.planned:
            if planned.needed:
                _print_item("behind" if planned.behind else "would", "yellow", planned.text)
        if so_already:
            _print_item("so already", "dim", _so_already(step, so_already))


def _so_already(step: "StepPlan", count: int) -> str:
    if len(step.planned) <= 2:
        return ", ".join(planned.text for planned in step.planned if not planned.needed)
    return f"{count} of {len(step.planned)} tasks"


def _print_item(word: str, style: str, text: str) -> None:
    render.print_wrapped(render.styled(f"  {word:<10}  ", style), text, 14)


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
