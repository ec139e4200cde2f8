"""`health`: how customers' servers and their assistants are now."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Json
from provisioner.cli.output.result import Response
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.customers.record import Customer
    from provisioner.customers.store import AnyListing
    from provisioner.health.look import ServerHealth
    from provisioner.health.sweep import Sweep
    from provisioner.runs.fleet import JobResult
    from provisioner.settings import Settings
    from provisioner.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(health)


def health(
    customers: Annotated[list[str] | None, typer.Argument(metavar="EMAIL", help="Addresses or ids.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All customers whose assistant runs.")] = False,
    mend: Annotated[bool, typer.Option("--mend", help="Mend what can be mended, and look again.")] = False,
    as_json: Json = False,
) -> Response:
    """See how customers' servers and their assistants are.

    Gateway, channel, messages that nobody takes, versions, memory, disk, load, clock, reboot: over one
    connection to each server. What is wrong there goes into the record when it changes, and into the
    timeline.

    Without --mend nothing is changed on a server. With it a gateway is started again, a disk freed of caches
    and old logs, a clock set, a droplet that is off started: each once in [health] mend_hours.

    Exit code 1 if there is a problem; advice does not count.
    """
    from provisioner.cli.output.health import HealthResult
    from provisioner.cli.output.live import shown_on_terminal
    from provisioner.clock import SYSTEM_CLOCK
    from provisioner.settings import load_settings

    if bool(customers) == everybody:
        hint = "name the customers, or say --all for everybody whose assistant runs"
        raise InputError("see how they are", cause="whom is not clear", hint=hint)
    workspace = current_workspace()
    settings = load_settings(workspace.root)
    broken: list[AnyListing] = []
    chosen = _named(workspace, customers) if customers else _running(workspace, broken)
    began = SYSTEM_CLOCK.monotonic()
    sweep = _sweep(workspace, settings, mend=mend)
    with shown_on_terminal("health") as say:
        found = tuple(sweep.over(chosen, say))
    jobs = _mend(workspace, found, as_json=as_json) if mend else ()
    found = _seen_again(workspace, sweep, found, jobs)
    seconds = SYSTEM_CLOCK.monotonic() - began
    return Response(HealthResult(found, tuple(broken), seconds, jobs), as_json)


def _mend(
    workspace: "Workspace", found: "Sequence[ServerHealth]", *, as_json: bool
) -> "tuple[JobResult, ...]":
    """Have that mended of which the records say so now."""
    from provisioner.cli.running import JOBS, run_shown
    from provisioner.health.mending import is_to_be_mended
    from provisioner.runs.workflow import MEND

    chosen = [one.customer.email for one in found if is_to_be_mended(one.customer)]
    return run_shown(workspace, chosen, MEND, JOBS, as_json=as_json) if chosen else ()


def _seen_again(
    workspace: "Workspace",
    sweep: "Sweep",
    found: "tuple[ServerHealth, ...]",
    jobs: "Sequence[JobResult]",
) -> "tuple[ServerHealth, ...]":
    """Those that were mended as they are now, the others as they were seen."""
    mended = [workspace.store().read(job.who).customer for job in jobs if job.result is not None]
    again = {one.customer.id: one for one in replace(sweep, mend=False).over(mended)} if mended else {}
    return tuple(again.get(one.customer.id, one) for one in found)


def _named(workspace: "Workspace", whom: list[str]) -> "list[Customer]":
    """InputError for one on whose server nothing should run."""
    from provisioner.cli.running import known_addresses
    from provisioner.health.visit import has_running_server
    from provisioner.printable import command

    store = workspace.store()
    found = [store.read(address).customer for address in known_addresses(workspace, whom)]
    for one in found:
        if not has_running_server(one):
            cause = f"no assistant runs for them (the status is {one.status})"
            hint = f"{command('plan', one.email)} shows what is to be done"
            raise InputError("see how they are", whom=one.email, cause=cause, hint=hint)
    return found


def _running(workspace: "Workspace", broken: "list[AnyListing]") -> "list[Customer]":
    from provisioner.health.visit import has_running_server

    found = []
    for listing in workspace.store().all():
        if listing.customer is None:
            broken.append(listing)
        elif has_running_server(listing.customer):
            found.append(listing.customer)
    return found


def _sweep(workspace: "Workspace", settings: "Settings", *, mend: bool) -> "Sweep":
    from provisioner.health.look import Look, waiting_for
    from provisioner.health.sweep import Sweep
    from provisioner.runs.visiting import server_visitor
    from provisioner.services.factory import Services
    from provisioner.steps.droplet.presence import explain_silence

    services = Services(settings, workspace.rates_dir)

    def explain(customer: "Customer") -> None:
        explain_silence(settings, lambda: services.cloud, customer)

    look = Look(settings, server_visitor(settings, explain), waiting_for(settings))
    return Sweep(workspace.store(), look, mend=mend)
