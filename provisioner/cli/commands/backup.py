"""`backup` and `restore-backup`: what the assistants know, taken off their servers and brought back."""

from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.commands.provision import OptionalPatience, RunOptions, Wait
from provisioner.cli.context import current_workspace
from provisioner.cli.options import Who
from provisioner.cli.output.result import Response
from provisioner.cli.running import JOBS, Jobs, Json, known_addresses, run_shown
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.customers.store import AnyListing
    from provisioner.customers.view import AnyCustomer
    from provisioner.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(backup)
    app.command("restore-backup", cls=OptionalPatience)(restore_backup)


def backup(
    customers: Annotated[list[str] | None, typer.Argument(metavar="EMAIL", help="Addresses or ids.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All customers whose assistant runs.")] = False,
    jobs: Jobs = JOBS,
    as_json: Json = False,
) -> Response:
    """Back up what customers' assistants know.

    Taken beside the running gateway, fetched, compared and opened. How many are kept is [backup] daily and
    weekly in provisioner.toml. They have secrets in them: the bot's token, and all that was said.

    A backup that is interrupted leaves nothing; run it again. Exit codes as for provision.
    """
    from provisioner.cli.output.backups import BackupsResult
    from provisioner.runs.workflow import BACKUP

    if bool(customers) == everybody:
        hint = "name the customers, or say --all for everybody whose assistant runs"
        raise InputError("back up", cause="whom is not clear", hint=hint)
    workspace = current_workspace()
    broken: list[AnyListing] = []
    chosen = known_addresses(workspace, customers) or _running(workspace, broken)
    results = run_shown(workspace, chosen, BACKUP, jobs, as_json=as_json)
    number, size, folder = _kept(workspace)
    return Response(BackupsResult(results, tuple(broken), kept=(number, size), folder=folder), as_json)


def restore_backup(
    who: Who,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="A backup's name or path; default: the newest.")
    ] = None,
    wait: Wait = None,
    as_json: Json = False,
) -> Response:
    """Bring a backup back: the assistant knows what it knew.

    On the server that is there; for a lost one, rebuild comes first. The setup then goes over it, with
    today's keys and settings. What was there before stays on the server, in ~openclaw/.openclaw.before-….

    Run it again at any time to resume. Exit codes as for provision.
    """
    from provisioner.cli.output.job_results import RunsResult
    from provisioner.runs.restore import ask_to_restore
    from provisioner.runs.workflow import RESTORE

    workspace, options = current_workspace(), RunOptions(1, None, wait)
    email = ask_to_restore(workspace, who, file).email
    results = run_shown(workspace, [email], RESTORE, as_json=as_json, patience=options.patience)
    result = RunsResult(results, kind="restore-backup", verb="restore-backup")
    return Response(result, as_json)


def _running(workspace: "Workspace", broken: "list[AnyListing]") -> list[str]:
    """The addresses of those who have an assistant that may know something."""
    found = []
    for listing in workspace.store().views():
        if listing.customer is None:
            broken.append(listing)
        elif _has_assistant(listing.customer):
            found.append(listing.customer.email)
    return found


def _has_assistant(customer: "AnyCustomer") -> bool:
    from provisioner.customers.lifecycle import has_left

    setup = customer.setup
    return bool(setup.droplet.id and setup.moltbot.installed) and not has_left(customer.status)


def _kept(workspace: "Workspace") -> tuple[int, int, str]:
    """How many backups there are of everybody, their bytes, and where."""
    from provisioner.backups.folder import all_backups
    from provisioner.steps.backup import FOLDER

    folder = workspace.state_dir / FOLDER
    sizes = [one.size for one in all_backups(folder)]
    return len(sizes), sum(sizes), str(folder)
