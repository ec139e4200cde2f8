"""`model-key`: what a customer's own key for the model has spent, and what it may spend."""

from typing import Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Who
from provisioner.cli.output.result import Response
from provisioner.cli.running import Json, run_shown
from provisioner.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("model-key")(model_key)


def model_key(
    who: Who,
    budget: Annotated[
        int | None, typer.Option(min=1, max=100_000, metavar="DOLLARS", help="What it may spend a month.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="The provider refuses it from now on.")] = False,
    start: Annotated[bool, typer.Option("--start", help="It is taken again.")] = False,
    as_json: Json = False,
) -> Response:
    """Show or change what a customer may spend.

    That is, with their own key for the model. It asks the provider, and writes down what it says. A new
    budget holds from this month on, and goes before the one of the settings.
    """
    from provisioner.actor import actor
    from provisioner.cli.output.model_key import ModelKeyResult
    from provisioner.runs.model_keys import ask_of_model_key
    from provisioner.runs.workflow import MODEL_KEY
    from provisioner.settings import load_settings

    if stop and start:
        raise InputError("change the key for the model", cause="--stop and --start exclude each other")
    workspace = current_workspace()
    monthly = load_settings(workspace.root).model_keys.monthly_budget
    stopped = True if stop else False if start else None
    customer = ask_of_model_key(workspace.store(), who, actor(), budget=budget, stopped=stopped)
    email = customer.email
    results = run_shown(workspace, [email], MODEL_KEY, as_json=as_json)
    return Response(ModelKeyResult(results, monthly=monthly), as_json)
