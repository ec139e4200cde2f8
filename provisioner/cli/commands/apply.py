"""`apply`: servers that work are brought to what playbooks and settings are today, in waves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output.result import Response
from provisioner.cli.running import JOBS, Jobs, Json, known_addresses, run_waves_shown
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.customers.store import AnyListing
    from provisioner.runs.behind import Behind
    from provisioner.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(apply)


def apply(
    customers: Annotated[list[str] | None, typer.Argument(metavar="EMAIL", help="Addresses or ids.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All whose assistant is installed.")] = False,
    only_plan: Annotated[bool, typer.Option("--plan", help="Say who is behind, and in what.")] = False,
    canary: Annotated[int, typer.Option(min=1, metavar="N", help="How many go first, alone.")] = 1,
    again: Annotated[bool, typer.Option("--again", help="Those too that are not behind.")] = False,
    jobs: Jobs = JOBS,
    as_json: Json = False,
) -> Response:
    """Bring servers to today's playbooks and settings.

    In waves: the canaries first, then always as many as have been before. After a wave in which one fails
    nobody else is touched. The software that runs there stays at its version.

    Run it again at any time: it goes on with those that are behind. Exit codes as for provision.
    """
    from provisioner.cli.output.apply import ApplyResult, BehindResult
    from provisioner.runs.workflow import APPLY

    if bool(customers) == everybody:
        hint = "name the customers, or say --all for everybody whose assistant is installed"
        raise InputError("apply", cause="whom is not clear", hint=hint)
    workspace = current_workspace()
    broken: list[AnyListing] = []
    whom = known_addresses(workspace, customers)
    found = _behind(workspace, whom, broken)
    if only_plan:
        return Response(BehindResult(found, tuple(broken)), as_json)
    chosen = [one.customer.email for one in found if one.differences or again]
    waved = run_waves_shown(workspace, chosen, APPLY, canary, jobs, as_json=as_json)
    so_already = tuple(one.customer.email for one in found if not (one.differences or again))
    return Response(
        ApplyResult(waved.results, tuple(broken), untouched=waved.untouched, so_already=so_already), as_json
    )


def _behind(workspace: "Workspace", whom: Sequence[str], broken: "list[AnyListing]") -> "tuple[Behind, ...]":
    from provisioner.runs.behind import look_who_is_behind
    from provisioner.settings import load_settings

    return tuple(look_who_is_behind(workspace, load_settings(workspace.root), whom, broken.append))
