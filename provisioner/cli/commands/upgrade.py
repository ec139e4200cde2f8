"""`upgrade`: another version of the assistants' software, in waves, with a way back."""

from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output.result import Response
from provisioner.cli.running import JOBS, Jobs, Json, known_addresses, run_shown, run_waves_shown
from provisioner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.customers.store import AnyListing
    from provisioner.runs.fleet import JobResult
    from provisioner.settings import Settings
    from provisioner.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(upgrade)


def upgrade(
    customers: Annotated[list[str] | None, typer.Argument(metavar="EMAIL", help="Addresses or ids.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All whose assistant is installed.")] = False,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="V", help="Of the npm package; default: as in provisioner.toml."),
    ] = None,
    only_plan: Annotated[bool, typer.Option("--plan", help="Say who would be upgraded.")] = False,
    security_only: Annotated[
        bool, typer.Option("--security-only", help="The system's security updates instead.")
    ] = False,
    reboot: Annotated[bool, typer.Option("--reboot", help="At once, where those need one.")] = False,
    canary: Annotated[int, typer.Option(min=1, metavar="N", help="How many go first, alone.")] = 1,
    jobs: Jobs = JOBS,
    as_json: Json = False,
) -> Response:
    """Bring assistants to another version.

    For each: a verified backup, the new version beside the old one, the switch, then the gates: it starts, is
    healthy, has its channels and answers. If it fails, the old version and what it knew come back. In waves:
    the canaries first; after a wave in which one fails nobody else is touched, and if it is the next one the
    canaries go back as well.

    With --security-only servers get the security updates of their system; a reboot that these need waits
    for a quiet hour, and the worker, or this command again, does it then.

    Run it again at any time: it goes on, forwards or back. Exit codes as for provision.
    """
    from provisioner.cli.output.upgrade import UpgradePlan, UpgradeResult
    from provisioner.runs.upgrading import choose, demand_version, to_go_back
    from provisioner.runs.workflow import upgrade_to
    from provisioner.settings import load_settings

    if bool(customers) == everybody:
        hint = "name the customers, or say --all for everybody whose assistant is installed"
        raise InputError("upgrade", cause="whom is not clear", hint=hint)
    workspace = current_workspace()
    broken: list[AnyListing] = []
    whom = known_addresses(workspace, customers)
    if security_only or reboot:
        if version or only_plan or not security_only:
            hint = "--security-only goes with --reboot, and neither with --version nor --plan"
            raise InputError("upgrade", cause="what is wanted is not clear", hint=hint)
        return _update_systems(workspace, whom, canary, jobs, at_once=reboot, as_json=as_json)
    settings = load_settings(workspace.root)
    wanted = demand_version(version or _wanted(workspace, settings, whom))
    chosen = choose(workspace, settings, wanted, whom, broken.append)
    if only_plan:
        return Response(UpgradePlan(wanted, chosen, tuple(broken)), as_json)
    addresses = [one.email for one in chosen.behind]
    waved = run_waves_shown(workspace, addresses, upgrade_to(wanted), canary, jobs, as_json=as_json)
    back: tuple[JobResult, ...] = ()
    for old, canaries in to_go_back(waved, chosen.behind, wanted, canary).items():
        back += run_shown(workspace, canaries, upgrade_to(old, older=True), jobs, as_json=as_json)
    result = UpgradeResult(
        waved.results,
        tuple(broken),
        options=f"--version {wanted}",
        untouched=waved.untouched,
        so_already=tuple(one.email for one in chosen.so_already),
        newer=tuple(one.email for one in chosen.newer),
        back=back,
    )
    return Response(result, as_json)


def _wanted(workspace: "Workspace", settings: "Settings", whom: "Sequence[str]") -> str:
    """The version that the only one named is on the way to, or is to have; or else that of the settings."""
    from provisioner.customers.wanted import wanted_of
    from provisioner.runs.upgrading import under_way

    begun = under_way(workspace, whom) if len(whom) == 1 else []
    for customer in begun:
        if customer.setup.upgrade is not None:
            return customer.setup.upgrade.version
    if len(whom) == 1:
        return wanted_of(workspace.store().read(whom[0]).customer, settings).version.value
    return settings.moltbot.version


def _update_systems(
    workspace: "Workspace", whom: "Sequence[str]", canary: int, jobs: int, *, at_once: bool, as_json: bool
) -> Response:
    """The security updates of these customers' servers, or of all, in waves."""
    from provisioner.cli.output.upgrade import SystemUpdateResult
    from provisioner.runs.behind import has_what_is_applied
    from provisioner.runs.workflow import update_system

    broken: list[AnyListing] = []
    chosen = list(whom)
    for listing in () if whom else workspace.store().all():
        if listing.customer is None:
            broken.append(listing)
        elif has_what_is_applied(listing.customer):
            chosen.append(listing.customer.email)
    waved = run_waves_shown(workspace, chosen, update_system(at_once=at_once), canary, jobs, as_json=as_json)
    options = "--security-only --reboot" if at_once else "--security-only"
    return Response(
        SystemUpdateResult(waved.results, tuple(broken), options=options, untouched=waved.untouched), as_json
    )
