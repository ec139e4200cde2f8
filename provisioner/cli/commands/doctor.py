"""`doctor`: what is wrong; `adopt`: the operator assigns a droplet to a customer."""

from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Json, Who
from provisioner.cli.output.result import Response, done
from provisioner.errors import SettingsError
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.services.digitalocean.client import DigitalOcean
    from provisioner.settings import Settings
    from provisioner.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(doctor)
    app.command()(adopt)


def doctor(
    as_json: Json = False,
) -> Response:
    """Check everything, and list what each droplet costs.

    Settings, records, account, droplets, images, firewalls, servers, gateways, model key, bots, mail server.

    Read only: nothing is changed, nobody gets a message, no bot's messages are fetched, and the model is not
    used.

    Exit code 1 if there is a problem; advice does not count.
    """
    from provisioner.cli.output.diagnosis import DoctorResult, redacted
    from provisioner.cli.output.live import shown_on_terminal
    from provisioner.doctor.examination import Doctor
    from provisioner.runs.visiting import server_visitor
    from provisioner.settings import load_settings

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    cloud = _cloud(workspace, settings) if settings.digitalocean_token else None
    with shown_on_terminal("doctor") as say:
        diagnosis = Doctor(workspace, settings, cloud, server_visitor(settings), say).examine()
    return Response(DoctorResult(redacted(diagnosis)), as_json)


def adopt(
    email: Who,
    droplet_id: Annotated[str, typer.Argument(metavar="ID", help="The droplet's id.")],
    host_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Its public host key, if its tags do not have it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Even if something contradicts it.")] = False,
) -> Response:
    """Assign a droplet to a customer, in their record."""
    from provisioner.settings import load_settings
    from provisioner.steps.droplet import adoption

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    if settings.digitalocean_token is None:
        hint = "set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env"
        raise SettingsError("adopt the droplet", cause="no token is set", hint=hint)
    cloud, store = _cloud(workspace, settings), workspace.store()
    droplet = adoption.adopt(store, cloud, email, droplet_id, host_key=host_key, force=force)
    found = store.find(email)
    customer = found.record.customer
    lines = [f"{customer.email} has droplet {droplet.id} at {droplet.public_ipv4 or 'no address yet'}."]
    others = adoption.others(cloud, customer.id, droplet.id)
    if others:
        lines.append(f"Delete in the control panel what is left of theirs: {', '.join(others)}")
    return done(*lines, f"To go on: {command('restore' if found.archived else 'provision', customer.email)}")


def _cloud(workspace: "Workspace", settings: "Settings") -> "DigitalOcean":
    from provisioner.services.factory import Services

    return Services(settings, workspace.rates_dir).cloud
