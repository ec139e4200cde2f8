"""`cancel` and `destroy`: a customer leaves, with a last backup, and no server is forgotten."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Who
from provisioner.cli.output import render
from provisioner.cli.output.result import Response
from provisioner.cli.running import Json, run_shown
from provisioner.errors import InputError
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.leaving import When, Wish
    from provisioner.customers.record import Customer
    from provisioner.workspace import Workspace

Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the record.")]
WithoutBackup = Annotated[
    bool, typer.Option("--without-backup", help="All that the assistant knows may be lost.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(cancel)
    app.command()(destroy)


def cancel(
    who: Who,
    now: Annotated[bool, typer.Option("--now", help="The assistant stops at once.")] = False,
    at_period_end: Annotated[
        bool, typer.Option("--at-period-end", help="It stops at the end of what is paid; the default.")
    ] = False,
    reason: Reason = None,
    without_backup: WithoutBackup = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="They stay; until the droplet is being destroyed.")
    ] = False,
    as_json: Json = False,
) -> Response:
    """Have a customer leave.

    They are told by e-mail; the assistant stops, a last backup is taken, and after [cancel] grace_days the
    droplet is destroyed and the record archived.

    Run it again at any time to go on with what is due. Exit code 0 also while it waits for a date.
    """
    from provisioner.actor import actor
    from provisioner.customers.leaving import Wish
    from provisioner.settings import load_settings

    if now + at_period_end + undo > 1:
        raise InputError("cancel", cause="only one of --now, --at-period-end and --undo can be meant")
    workspace = current_workspace()
    grace = load_settings(workspace.root).cancel.grace_days
    when: When | None = "now" if now else "period end" if at_period_end else None
    wish = None if undo else Wish(actor(), grace, when, reason, without_backup)
    return _leave(workspace, who, wish, as_json=as_json)


def destroy(
    who: Who,
    yes: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="The address once more, instead of being asked.")
    ] = None,
    reason: Reason = None,
    without_backup: WithoutBackup = False,
    as_json: Json = False,
) -> Response:
    """Destroy a customer's droplet at once, after a last backup.

    As cancel --now without the days of grace. It cannot be undone.
    """
    from provisioner.actor import actor
    from provisioner.customers.leaving import Wish

    workspace = current_workspace()
    customer = workspace.store().read(who).customer
    _demand_meant(customer, yes, without_backup=without_backup)
    wish = Wish(actor(), 0, "now", reason, without_backup, at_once=True)
    return _leave(workspace, who, wish, as_json=as_json)


def _leave(workspace: "Workspace", who: str, wish: "Wish | None", *, as_json: bool) -> Response:
    """Write down what is asked for, and do what is due; without a wish the customer is to stay."""
    from provisioner.cli.output.leaving import LeavingResult
    from provisioner.runs.leaving import ask_to_leave, ask_to_stay
    from provisioner.runs.workflow import CANCEL

    store = workspace.store()
    customer = ask_to_stay(store, who) if wish is None else ask_to_leave(store, who, wish)
    results = run_shown(workspace, [customer.email], CANCEL, as_json=as_json)
    return Response(LeavingResult(results), as_json)


def _demand_meant(customer: "Customer", yes: str | None, *, without_backup: bool) -> None:
    """InputError unless the address is typed once more."""
    from provisioner.customers.rules import is_meant

    droplet = customer.setup.droplet
    named = (
        f"droplet {droplet.id}" + (f" ({droplet.ip})" if droplet.ip else "") if droplet.id else "no droplet"
    )
    then = "WITHOUT a backup" if without_backup else "after a last backup"
    what = f"{customer.email}: {named}; destroyed with all that is on it, {then}"
    again = command("destroy", customer.email, options=f"--yes {customer.email}")
    if yes is None and not sys.stdin.isatty():
        raise InputError(
            "destroy", whom=customer.email, cause="nobody has confirmed it", hint=f"do it: {again}"
        )
    if yes is None:
        render.say(what)
        yes = typer.prompt("Type their address to destroy it", err=True)
    if "@" not in yes or not is_meant(customer.id, customer.email, yes):
        cause = f"{yes} is not the address: nothing was destroyed"
        raise InputError("destroy", whom=customer.email, cause=cause)
