"""`serve` and `worker`: the process that goes on, with Stripe's webhook and without it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output.result import Response

if TYPE_CHECKING:
    from provisioner.settings import Settings
    from provisioner.workspace import Workspace

Lines = Annotated[bool, typer.Option("--json", help="Lines of JSON on standard error.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(serve)
    app.command()(worker)


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; only this machine reaches the default.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT")] = 8080,
    as_json: Lines = False,
) -> Response | None:
    """Take Stripe's events and do what is due, all the time.

    Who has paid is set up, who has ended leaves. Ctrl-C or SIGTERM ends it, and it may be killed at any
    moment. It has a dashboard (provisioner login lets you in), and answers /webhooks/stripe, /healthz,
    /readyz and /metrics; docs/serve.md has the unit for systemd, and what stands in front of it.
    Exit code 4 if another process serves this workspace.
    """
    from provisioner.web.serving import Address, serve

    workspace, settings, say = _known(as_json=as_json)
    serve(workspace, settings, Address(host, port), say)
    return None


def worker(as_json: Lines = False) -> Response | None:
    """Do what is due, all the time, without the webhook.

    The same as serve, but nobody can ask anything over the network.

    Exit code 4 if another process serves this workspace, or works for it.
    """
    from provisioner.worker.process import work

    work(*_known(as_json=as_json))
    return None


def _known(*, as_json: bool) -> "tuple[Workspace, Settings, Callable[[str], None]]":
    from provisioner.cli.output.serving import sayer
    from provisioner.settings import load_settings

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    return workspace, settings, sayer(settings, as_json=as_json)
