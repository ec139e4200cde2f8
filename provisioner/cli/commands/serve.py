"""`serve`: the process that goes on, with Stripe's webhook and the worker."""

from typing import Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output.result import Response


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(serve)


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; only this machine reaches the default.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT")] = 8080,
    as_json: Annotated[bool, typer.Option("--json", help="Lines of JSON on standard error.")] = False,
) -> Response | None:
    """Take Stripe's events, and keep the records true to them.

    One process for a workspace, until Ctrl-C or SIGTERM; it may be killed at any moment. It answers
    /webhooks/stripe, /healthz, /readyz and /metrics; docs/serve.md has the unit for systemd and what stands
    in front of it. Exit code 4 if another process serves this workspace.
    """
    from provisioner.cli.output.serving import sayer
    from provisioner.settings import load_settings
    from provisioner.web.serving import Address, serve

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    serve(workspace, settings, Address(host, port), sayer(settings, as_json=as_json))
    return None
