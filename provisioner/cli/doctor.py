"""`doctor` and `adopt`: what is wrong, and the operator's word on whose droplet it is."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli import render
from provisioner.cli.context import current_workspace
from provisioner.commands import command
from provisioner.errors import SettingsError

if TYPE_CHECKING:
    from provisioner.doctor.findings import Diagnosis
    from provisioner.services.digitalocean import DigitalOcean
    from provisioner.settings import Settings
    from provisioner.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(doctor)
    app.command()(adopt)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Look for all that is wrong: settings, account, droplets against records, servers, bots, mail server.

    Nothing is changed, nobody is written to, and no bot's messages are read.

    Exit code 1 if anything is wrong. Shows what each droplet costs a month.
    """
    from provisioner.doctor.examination import Doctor
    from provisioner.doctor.servers import host_key_prover
    from provisioner.settings import load_settings

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    cloud = _cloud(workspace, settings) if settings.digitalocean_token else None
    diagnosis = Doctor(workspace, settings, cloud, host_key_prover(settings)).examine()
    if as_json:
        render.print_json(
            "doctor",
            healthy=not diagnosis.troubles,
            looked=list(diagnosis.looked),
            troubles=[asdict(trouble) for trouble in diagnosis.troubles],
            costs=[asdict(cost) for cost in diagnosis.costs],
            monthly=round(diagnosis.monthly, 2),
        )
    else:
        _print(diagnosis)
    raise typer.Exit(1 if diagnosis.troubles else 0)


def adopt(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's address, or their id.")],
    droplet_id: Annotated[str, typer.Argument(metavar="ID", help="Of the droplet.")],
    host_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Its public host key, where its tags do not state it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Although something speaks against it.")] = False,
) -> None:
    """Say that a droplet is this customer's; their record has it from then on."""
    from provisioner import adoption
    from provisioner.settings import load_settings

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    if settings.digitalocean_token is None:
        hint = "set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env"
        raise SettingsError("adopt the droplet", cause="no token is set", hint=hint)
    cloud, store = _cloud(workspace, settings), workspace.store()
    droplet = adoption.adopt(store, cloud, email, droplet_id, host_key=host_key, force=force)
    customer = store.read(email).customer
    render.say(f"{customer.email} has droplet {droplet.id} at {droplet.public_ipv4 or 'no address yet'}.")
    others = adoption.others(cloud, customer.id, droplet.id)
    if others:
        render.say(f"Delete in the control panel what is left of theirs: {', '.join(others)}")
    render.say(f"To go on: {command('provision', customer.email)}")


def _cloud(workspace: "Workspace", settings: "Settings") -> "DigitalOcean":
    from provisioner.services import Services

    return Services(settings, workspace.rates_dir).cloud


def _print(diagnosis: "Diagnosis") -> None:
    for trouble in diagnosis.troubles:
        render.print_finding(f"{trouble.kind}: {trouble.whom}", trouble.problem, None)
        render.print_wrapped("  → ", trouble.hint, 4)
    if diagnosis.costs:
        rows = [
            (
                cost.droplet,
                cost.email or "nobody",
                cost.size,
                "?" if cost.monthly is None else f"${cost.monthly:.2f}",
            )
            for cost in diagnosis.costs
        ]
        render.print_table(("DROPLET", "OF", "SIZE", "A MONTH"), rows, {"nobody": "red"})
        render.print_line(f"${diagnosis.monthly:.2f} a month for {len(rows)} droplets")
    number = len(diagnosis.troubles)
    render.say(f"looked at: {', '.join(diagnosis.looked)}; {number or 'nothing'} wrong")
