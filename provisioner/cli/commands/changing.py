"""`resize` and `move`: another size for a customer's server, and another region."""

from typing import Annotated

import typer

from provisioner.cli.account import account
from provisioner.cli.options import Who
from provisioner.cli.output import render
from provisioner.cli.output.result import Response
from provisioner.cli.running import Json, run_shown
from provisioner.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(resize)
    app.command()(move)


def resize(
    who: Who,
    size: Annotated[str, typer.Argument(metavar="SIZE", help="DigitalOcean's name of it: s-2vcpu-4gb")],
    disk: Annotated[
        bool, typer.Option("--disk", help="The disk grows too, which cannot be taken back.")
    ] = False,
    as_json: Json = False,
) -> Response:
    """Give a customer's server another size.

    The assistant ends what it does, the server is switched off, changed and switched on, which takes some
    minutes. Without --disk only processors and memory change, and a smaller size can follow.

    Run it again at any time to go on. What DigitalOcean refuses leaves the server running as it was.
    """
    from provisioner.cli.output.changing import ResizeResult
    from provisioner.runs.resizing import ResizeWish, ask_to_resize
    from provisioner.runs.workflow import RESIZE
    from provisioner.steps.resizing import priced

    workspace, _, cloud = account("resize the server")
    customer = ask_to_resize(workspace.store(), cloud, who, ResizeWish(size, disk))
    email, asked = customer.email, customer.setup.resize
    if asked is not None and not as_json:
        render.say(f"{email}: {priced(cloud, asked.from_)} to {priced(cloud, asked.to)}")
    results = run_shown(workspace, [email], RESIZE, as_json=as_json)
    options = f"{size}{' --disk' if disk else ''}"
    return Response(ResizeResult(results, options=options), as_json)


def move(
    who: Who,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="DigitalOcean's name of it: fra1")
    ] = None,
    grace_days: Annotated[
        int | None,
        typer.Option(min=0, metavar="DAYS", help="How long the old server stays; as [cancel] grace_days."),
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="They stay; until they are on the new server.")
    ] = False,
    as_json: Json = False,
) -> Response:
    """Move a customer's server to another region.

    A second server is made and prepared there. Then the assistant is stopped, backed up, and brought back on
    the new server, where it has to answer. The old one is destroyed after days of grace.

    Run it again at any time to go on with what is due. Exit code 0 also while it waits for a date.
    """
    from provisioner.cli.output.changing import MoveResult
    from provisioner.runs.moving import MoveWish, ask_to_move, ask_to_stay_there
    from provisioner.runs.workflow import MOVE

    if undo == (region is not None):
        hint = "name the region with --region, or say --undo"
        raise InputError("move the server", whom=who, cause="where to is not clear", hint=hint)
    workspace, settings, cloud = account("move the server")
    if region is None:
        customer = ask_to_stay_there(workspace.store(), who)
    else:
        days = settings.cancel.grace_days if grace_days is None else grace_days
        customer = ask_to_move(workspace.store(), cloud, settings, who, MoveWish(region, days))
    email = customer.email
    results = run_shown(workspace, [email], MOVE, as_json=as_json)
    options = "--undo" if region is None else f"--region {region}"
    return Response(MoveResult(results, options=options), as_json)
