"""`plan`: what `provision` would do for a customer."""

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Json, Who
from provisioner.cli.output.result import Response


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("plan")(plan)


def plan(
    who: Who,
    as_json: Json = False,
) -> Response:
    """Show what each step would do, without doing it.

    An existing server is checked task by task. Exit code 2 if a run lacks something, or DigitalOcean would
    refuse it; 1 if DigitalOcean or the server cannot be asked.
    """
    from provisioner.cli.output.live import shown_in_passing
    from provisioner.cli.output.plan import PlanResult
    from provisioner.runs.planning import plan as make_plan
    from provisioner.settings import load_settings

    workspace = current_workspace()
    with shown_in_passing("looking") as say:
        made = make_plan(workspace, load_settings(workspace.root), who, say)
    return Response(PlanResult(made), as_json)
