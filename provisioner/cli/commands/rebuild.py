"""`rebuild`: a new server for a customer whose droplet is gone."""

from typing import Annotated

import typer

from provisioner.cli.commands.provision import (
    OptionalPatience,
    RunOptions,
    Until,
    Wait,
    provision_chosen,
)
from provisioner.cli.context import current_workspace
from provisioner.cli.options import Who
from provisioner.cli.output import render
from provisioner.cli.output.result import Response
from provisioner.cli.running import JOBS, Json
from provisioner.errors import SettingsError
from provisioner.printable import command


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(cls=OptionalPatience)(rebuild)


def rebuild(
    who: Who,
    until: Until = None,
    wait: Wait = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Even if nothing shows that the droplet was ever in this account."),
    ] = False,
    as_json: Json = False,
) -> Response:
    """Set a customer up anew if their droplet is gone.

    Refused unless DigitalOcean says that it is gone; an existing droplet is never touched. The customer keeps
    their bot and has nothing to do. Run it again at any time to resume. Exit codes as for provision.
    """
    from provisioner.runs import rebuild
    from provisioner.services.factory import Services
    from provisioner.settings import load_settings

    workspace, options = current_workspace(), RunOptions(JOBS, until, wait)
    settings = load_settings(workspace.root)
    if settings.digitalocean_token is None:
        hint = "set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env"
        raise SettingsError("rebuild the server", cause="no token is set", hint=hint)
    store = workspace.store()
    email = store.find(who).record.customer.email
    cloud = Services(settings, workspace.rates_dir).cloud
    lost = rebuild.clear_lost(store, cloud, who, force=force)
    if not as_json:
        said = f"droplet {lost.id} is gone" if lost else "the lost droplet is out of the record already"
        render.say(f"{email}: {said}; from here on as {command('provision', email)}")
    lost_id = lost.id if lost else None
    return provision_chosen(workspace, [email], options, [], as_json=as_json, kind="rebuild", lost=lost_id)
