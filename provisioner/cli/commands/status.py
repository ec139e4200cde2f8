"""`status`: where every setup stands now."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Json
from provisioner.cli.output import render
from provisioner.cli.output.result import Response

if TYPE_CHECKING:
    from provisioner.cli.output.status import StatusResult
    from provisioner.customers.store import AnyListing

_PAUSE_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(status)


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    as_json: Json = False,
) -> Response | None:
    """Show where every setup stands that is not complete.

    Running, interrupted, failed or waiting: read from the locks of live processes and from the records, so
    it is always current.
    """
    if watch and not as_json:
        _watch()
        return None
    return Response(_found(), as_json)


def _watch() -> None:
    before = None
    try:
        while True:
            found = _found()
            # Off a terminal only changes are printed.
            if render.on_terminal() or found != before:
                render.begin_anew()
                render.respond(Response(found))
                render.flush()
            before = found
            time.sleep(_PAUSE_SECONDS)
    except KeyboardInterrupt:
        return


def _found() -> "StatusResult":
    from provisioner.cli.output.status import ORDER, StatusResult
    from provisioner.customers.store import read_in_bulk
    from provisioner.runs.status import statuses

    broken: list[AnyListing] = []
    workspace = current_workspace()
    with read_in_bulk():
        found = list(statuses(workspace, workspace.store().views(), broken.append))
    found.sort(key=lambda one: (ORDER.index(one.state), one.since or "", one.customer.email))
    return StatusResult(tuple(found), tuple(broken))
