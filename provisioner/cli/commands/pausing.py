"""`pause`: a customer's assistant stands still, and their server stays as it is."""

from typing import Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Who
from provisioner.cli.output.result import Response
from provisioner.cli.running import Json, run_shown


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
    from provisioner.runs.pausing import ask_to_go_on, ask_to_pause
    from provisioner.runs.workflow import PAUSE

    workspace = current_workspace()
    store = workspace.store()
    if undo:
        customer = ask_to_go_on(store, who, actor(), reason)
    else:
        customer = ask_to_pause(store, who, PauseWish(actor(), reason))
    results = run_shown(workspace, [customer.email], PAUSE, as_json=as_json)
    return Response(PauseResult(results, options="--undo" if undo else ""), as_json)
