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

    A server that is there already is asked, task by task, what is not as it should be. Exit code 2 if
    something is missing that a run needs, or DigitalOcean would refuse; 1 if it cannot be asked, or the
    server.
    """
    from provisioner.cli.output.live import shown_in_passing
    from provisioner.cli.output.plan import PlanResult
    from provisioner.runs.planning import plan as make_plan
    from provisioner.settings import load_settings

    workspace = current_workspace()
    with shown_in_passing("looking") as say:
        made = make_plan(workspace, load_settings(workspace.root), who, say)
    return Response(PlanResult(made), as_json)
