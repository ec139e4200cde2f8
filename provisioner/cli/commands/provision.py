"""`provision` and `resume`: run the steps for customers, with live progress."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.output.result import Response
from provisioner.cli.running import JOBS, Jobs, Json, known_addresses, run_shown
from provisioner.errors import InputError
from provisioner.workspace import Workspace

if TYPE_CHECKING:
    from typer._click.core import Context

    from provisioner.customers.store import AnyListing

_PATIENCE = "1h"
_DURATION = re.compile(r"(\d+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

Until = Annotated[str | None, typer.Option(metavar="STEP", help="Stop after this step.")]
Wait = Annotated[
    str | None,
    typer.Option(
        metavar="[DURATION]",
        help=f"Keep waiting where a person has to act (30m, 2h; {_PATIENCE} without a duration).",
    ),
]


class OptionalPatience(typer.core.TyperCommand):
    """Allows `--wait` without a value, which typer does not support."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        if "--wait" in args[:end]:
            after = args.index("--wait") + 1
            if after >= end or not _is_meant_as_duration(args[after]):
                args = [*args[:after], _PATIENCE, *args[after:]]
        return super().parse_args(ctx, args)


def _is_meant_as_duration(word: str) -> bool:
    """Anything that begins with a digit and is not an address, so that `5x` is refused instead of set up."""
    return word[:1].isdigit() and "@" not in word


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(cls=OptionalPatience)(provision)
    app.command(cls=OptionalPatience)(resume)


def provision(
    customers: Annotated[list[str] | None, typer.Argument(metavar="EMAIL", help="Addresses or ids.")] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="All customers whose setup is not complete.")
    ] = False,
    jobs: Jobs = JOBS,
    until: Until = None,
    wait: Wait = None,
    as_json: Json = False,
) -> Response:
    """Set customers up: server, Moltbot, channel, first message.

    Run it again at any time: it resumes from the last step. Exit code, the worst of all customers: 0 done,
    1 failed, 2 wrong input, 3 waiting for a person, 4 another process has this customer, 130 interrupted.
    """
    from provisioner.runs.status import statuses, unfinished

    if bool(customers) == everybody:
        hint = "name the customers, or say --all for everybody whose setup is not complete"
        raise InputError("provision", cause="whom is not clear", hint=hint)
    workspace, options = current_workspace(), RunOptions(jobs, until, wait)
    broken: list[AnyListing] = []
    chosen = known_addresses(workspace, customers) or unfinished(
        statuses(workspace, workspace.store().all(), broken.append)
    )
    return provision_chosen(workspace, chosen, options, broken, as_json=as_json)


def resume(
    customers: Annotated[
        list[str] | None,
        typer.Argument(metavar="EMAIL", help="Default: all that were begun and are not complete."),
    ] = None,
    jobs: Jobs = JOBS,
    until: Until = None,
    wait: Wait = None,
    as_json: Json = False,
) -> Response:
    """Resume setups and upgrades that were interrupted.

    Those that failed, too. Those still waiting for a person are only checked; new customers are left to
    `provision`.
    """
    from provisioner.runs.status import resumable, statuses
    from provisioner.runs.upgrading import under_way

    workspace, options = current_workspace(), RunOptions(jobs, until, wait)
    broken: list[AnyListing] = []
    named = known_addresses(workspace, customers)
    upgrades = [one.email for one in under_way(workspace, named)]
    chosen = named or resumable(statuses(workspace, workspace.store().all(), broken.append))
    chosen = [email for email in chosen if email not in upgrades]
    return provision_chosen(workspace, chosen, options, broken, as_json=as_json, upgrades=upgrades)


@dataclass(frozen=True)
class RunOptions:
    """The operator's choices for a run: how far, how long to wait, how many at once."""

    jobs: int
    until: str | None
    wait: str | None

    def __post_init__(self) -> None:
        # Checked before anything is done.
        _ = self.patience

    @property
    def patience(self) -> float:
        """In seconds; InputError if it is not a duration."""
        return _seconds(self.wait) if self.wait is not None else 0.0

    def again(self) -> str:
        """The same options, for a command line to print."""
        words = []
        if self.until is not None:
            words += ["--until", self.until]
        if self.wait is not None:
            words += ["--wait", self.wait]
        if self.jobs != JOBS:
            words += ["--jobs", str(self.jobs)]
        return shlex.join(words)


def provision_chosen(
    workspace: Workspace,
    chosen: Sequence[str],
    options: RunOptions,
    broken: "Sequence[AnyListing]",
    *,
    as_json: bool,
    kind: str = "provision",
    upgrades: Sequence[str] = (),
    **more: object,
) -> Response:
    """Run these and show how that goes; `kind` is that of the JSON document, and `more` stands in it too.

    Those of `upgrades` go on with the upgrade that they have under way.
    """
    from provisioner.cli.output.job_results import RunsResult
    from provisioner.runs.workflow import PROVISION, UPGRADE

    results = run_shown(
        workspace,
        chosen,
        PROVISION,
        options.jobs,
        as_json=as_json,
        until=options.until,
        patience=options.patience,
    )
    if upgrades:
        results += run_shown(workspace, upgrades, UPGRADE, options.jobs, as_json=as_json)
    result = RunsResult(results, tuple(broken), options.again(), more, kind)
    return Response(result, as_json)


def _seconds(duration: str) -> float:
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise InputError("wait", cause=f"{duration!r} is no duration", hint="write 90s, 30m, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2]]
