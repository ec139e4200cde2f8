"""`provision` and `resume`: customers through the steps, with live progress."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli import render
from provisioner.cli.context import current_workspace
from provisioner.errors import InputError
from provisioner.workspace import Workspace

if TYPE_CHECKING:
    from typer._click.core import Context

    from provisioner.fleet import Fleet

_PATIENCE = "1h"
_DURATION = re.compile(r"(\d+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

Until = Annotated[str | None, typer.Option(metavar="STEP", help="Stop after this step.")]
Wait = Annotated[
    str | None,
    typer.Option(
        metavar="[DURATION]",
        help=f"Where a person has to act, keep waiting (30m, 2h; {_PATIENCE} if left out).",
    ),
]
Jobs = Annotated[int, typer.Option(min=1, metavar="N", help="How many customers at the same moment.")]
Json = Annotated[
    bool,
    typer.Option(
        "--json", help="One JSON document on standard output; progress as JSON lines on standard error."
    ),
]
_JOBS = 50


class _OptionalPatience(typer.core.TyperCommand):
    """Lets `--wait` stand alone: typer has no options whose value may be left out."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        for index, word in enumerate(args):
            follows = args[index + 1] if index + 1 < len(args) else ""
            if word == "--wait" and not _DURATION.fullmatch(follows):
                args = [*args[: index + 1], _PATIENCE, *args[index + 1 :]]
                break
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(cls=_OptionalPatience)(provision)
    app.command(cls=_OptionalPatience)(resume)


def provision(
    customers: Annotated[list[str] | None, typer.Argument(metavar="EMAIL", help="Addresses or ids.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody whose setup is not complete.")] = False,
    jobs: Jobs = _JOBS,
    until: Until = None,
    wait: Wait = None,
    as_json: Json = False,
) -> None:
    """Create the server, install Moltbot, connect, hand over.

    Run it again at any time: it goes on from the last step. Exit codes, the worst of all customers: 0 done,
    1 failed, 2 wrong input, 3 waiting for a person, 4 another process has this customer, 130 interrupted.
    """
    from provisioner.standings import standings, unfinished

    if bool(customers) == everybody:
        hint = "name the customers, or say --all for everybody whose setup is not complete"
        raise InputError("provision", cause="whom is not clear", hint=hint)
    workspace = current_workspace()
    chosen = customers or unfinished(standings(workspace))
    _provision(workspace, chosen, jobs=jobs, until=until, wait=wait, as_json=as_json)


def resume(
    customers: Annotated[
        list[str] | None,
        typer.Argument(metavar="EMAIL", help="All who were begun and are not complete, if not given."),
    ] = None,
    jobs: Jobs = _JOBS,
    until: Until = None,
    wait: Wait = None,
    as_json: Json = False,
) -> None:
    """Go on with what was interrupted, has failed or had to wait.

    Whoever is still waited for is only looked after; customers who were not begun are left to `provision`.
    """
    from provisioner.standings import resumable, standings

    workspace = current_workspace()
    chosen = customers or resumable(standings(workspace))
    _provision(workspace, chosen, jobs=jobs, until=until, wait=wait, as_json=as_json)


def _provision(
    workspace: Workspace,
    customers: Sequence[str],
    *,
    jobs: int,
    until: str | None,
    wait: str | None,
    as_json: bool,
) -> None:
    from provisioner.cli import endings as told
    from provisioner.fleet import worst

    patience = _seconds(wait) if wait else 0.0
    chosen = list(dict.fromkeys(customers))
    with _fleet(workspace, chosen, jobs, as_json=as_json) as fleet:
        endings = fleet.provision(chosen, until=until, patience=patience)
    if as_json:
        render.print_json("provision", customers=[told.document(ending) for ending in endings])
    elif len(endings) == 1:
        told.tell_one(endings[0])
    elif endings:
        told.tell_all(endings)
    else:
        render.say("There is nobody to set up.")
    raise typer.Exit(worst(endings))


@contextmanager
def _fleet(workspace: Workspace, customers: Sequence[str], jobs: int, *, as_json: bool) -> Iterator["Fleet"]:
    """A fleet whose progress is shown while the block lasts."""
    from provisioner.cli.live import lines, shown, shown_together
    from provisioner.fleet import Fleet
    from provisioner.settings import load_settings

    settings = load_settings(workspace.root)
    if as_json:
        listener, ended = lines()
        yield Fleet(workspace, settings, listener, jobs=jobs, ended=ended)
        return
    if len(customers) == 1:
        with shown() as listener:
            yield Fleet(workspace, settings, listener, jobs=jobs)
        return
    with shown_together(len(customers)) as (listener, ended):
        yield Fleet(workspace, settings, listener, jobs=jobs, ended=ended)


def _seconds(duration: str) -> float:
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise InputError("wait", cause=f"{duration!r} is no duration", hint="write 90s, 30m, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2]]
