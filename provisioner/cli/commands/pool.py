"""`pool status`, `pool fill` and `pool drain`: servers that run before anybody needs them."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.account import account
from provisioner.cli.options import Json
from provisioner.cli.output.result import Response
from provisioner.errors import InputError
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.pool.listing import PoolLook

_pool = typer.Typer(
    help="Keep servers running that new customers get at once.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(_pool, name="pool")


@_pool.command("status")
def status(as_json: Json = False) -> Response:
    """List the servers of the pool, with age and cost.

    ready: the next customer can have it. unfinished: it is being made, or pool fill has to go on with it.
    stale: playbooks, versions or settings have changed since. old: over 30 days. gone, off: as the account
    says. leaving: it is being destroyed. taken: it is a customer's by now.
    """
    from provisioner.cli.output.pool import PoolResult
    from provisioner.pool.listing import look

    return Response(PoolResult(look(*account("look at the pool"))), as_json)


@_pool.command("fill")
def fill(as_json: Json = False) -> Response:
    """Make what is missing, and replace what nobody can have.

    How many there shall be is [pool] size in provisioner.toml; each costs what its size does. They get no
    key, no token and nothing of a customer's. One that does not answer is left alone.

    Run it again at any time to resume. Exit code 4 while another process is at work on the pool.
    """
    from provisioner.cli.output.live import shown_in_passing
    from provisioner.cli.output.pool import FilledResult
    from provisioner.pool.fill import PoolKeeper
    from provisioner.pool.listing import look

    workspace, settings, cloud = account("fill the pool")
    if not settings.pool.size:
        cause = "no pool is wanted: [pool] size is 0"
        hint = "set size under [pool] in provisioner.toml to how many servers shall be ready"
        raise InputError("fill the pool", cause=cause, hint=hint)
    with shown_in_passing("pool") as say:
        filled = PoolKeeper(workspace, settings, cloud, say).fill()
    return Response(FilledResult(filled, look(workspace, settings, cloud)), as_json)


@_pool.command("drain")
def drain(
    keep: Annotated[int, typer.Option(min=0, metavar="N", help="How many of the newest stay.")] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
    as_json: Json = False,
) -> Response:
    """Destroy the servers that nobody has taken.

    Customers' servers are never touched. Run it again at any time to resume.
    """
    from provisioner.cli.output.live import shown_on_terminal
    from provisioner.cli.output.pool import FilledResult
    from provisioner.pool.fill import PoolKeeper
    from provisioner.pool.listing import look

    workspace, settings, cloud = account("drain the pool")
    there = look(workspace, settings, cloud)
    if not yes and len(there.of_nobody) > keep:
        _ask(there, keep, as_json=as_json)
    with shown_on_terminal("pool") as say:
        drained = PoolKeeper(workspace, settings, cloud, say).drain(keep)
    return Response(FilledResult(drained, look(workspace, settings, cloud)), as_json)


def _ask(there: "PoolLook", keep: int, *, as_json: bool) -> None:
    """InputError unless somebody at a terminal says yes."""
    number = len(there.of_nobody) - keep
    what = f"{number} server{'' if number == 1 else 's'} of the pool"
    again = command("pool drain", options=f"--keep {keep} --yes" if keep else "--yes")
    if as_json or not sys.stdin.isatty():
        raise InputError("drain the pool", cause=f"would destroy {what}", hint=f"do it: {again}")
    if not typer.confirm(f"Destroy {what}?", err=True):
        raise InputError("drain the pool", cause="nothing was destroyed", hint=f"without asking: {again}")
