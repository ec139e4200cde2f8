"""`pause`: a customer's assistant stands still, and their server stays as it is."""

from typing import Annotated

import typer

from provisioner.cli.commands.provision import Json, shown_fleet
from provisioner.cli.context import current_workspace
from provisioner.cli.options import Who
from provisioner.cli.output.result import Response


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(pause)


def pause(
    who: Who,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the record.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="It runs again.")] = False,
    as_json: Json = False,
) -> Response:
    """Stop a customer's assistant, and keep their server.

    They are told by e-mail. It stays stopped when the server boots, and nothing but --undo starts it again.
    Their status stays as it is, and so do the costs of the server.
    """
    from provisioner.actor import actor
    from provisioner.cli.output.pausing import PauseResult
    from provisioner.customers.pausing import PauseWish
    from provisioner.runs.fleet import JobResult
    from provisioner.runs.pausing import ask_to_go_on, ask_to_pause
    from provisioner.runs.workflow import PAUSE

    workspace = current_workspace()
    store = workspace.store()
    if undo:
        customer = ask_to_go_on(store, who, actor(), reason)
    else:
        customer = ask_to_pause(store, who, PauseWish(actor(), reason))
    email = customer.email
    try:
        with shown_fleet(workspace, [email], 1, as_json=as_json) as fleet:
            results = fleet.run_all([email], PAUSE)
    except KeyboardInterrupt:
        results = [JobResult(email, interrupted=True)]
    return Response(PauseResult(tuple(results), options="--undo" if undo else ""), as_json)
