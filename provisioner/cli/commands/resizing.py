"""`resize`: another size for a customer's server."""

from typing import Annotated

import typer

from provisioner.cli.account import account
from provisioner.cli.options import Who
from provisioner.cli.output import render
from provisioner.cli.output.result import Response
from provisioner.cli.running import Json, run_shown


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(resize)


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
    from provisioner.cli.output.resizing import ResizeResult
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
