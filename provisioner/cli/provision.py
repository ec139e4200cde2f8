"""`provision`: customers through the steps, with live progress."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli import render
from provisioner.cli.context import current_workspace
from provisioner.cli.live import shown, took
from provisioner.errors import InputError, ProvisionerError
from provisioner.workspace import Workspace

if TYPE_CHECKING:
    from typer._click.core import Context

    from provisioner.runner import RunResult
    from provisioner.settings import Settings
    from provisioner.steps.base import Waiting

WAITING = 3
"""The exit code of a run that waits for a person."""

_SEVERITY = (0, WAITING, 4, 2, 1)
"""With several customers the worst exit code is given: done, waiting, busy, wrong input, failed."""

_PATIENCE = "1h"
_DURATION = re.compile(r"(\d+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


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
    """Add the command to the command line."""
    app.command(cls=_OptionalPatience)(provision)


def provision(
    customers: Annotated[list[str], typer.Argument(metavar="EMAIL...", help="Addresses or ids.")],
    until: Annotated[str | None, typer.Option(metavar="STEP", help="Stop after this step.")] = None,
    wait: Annotated[
        str | None,
        typer.Option(
            metavar="[DURATION]",
            help=f"Where a person has to act, keep waiting (30m, 2h; {_PATIENCE} if left out).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Create the server, install Moltbot, connect the customer, hand over.

    Run it again at any time: it goes on from the last step. Exit codes: 0 done, 1 failed, 2 wrong input,
    3 waiting for a person, 4 another process has this customer.
    """
    from provisioner.settings import load_settings

    patience = _seconds(wait) if wait else 0.0
    workspace = current_workspace()
    settings = load_settings(workspace.root)
    endings = [
        _one(workspace, settings, who, until=until, patience=patience) for who in dict.fromkeys(customers)
    ]
    if as_json:
        render.print_json("provision", customers=[_document(ending) for ending in endings])
    else:
        for ending in endings:
            _tell(ending)
    raise typer.Exit(max((ending.exit_code for ending in endings), key=_SEVERITY.index))


@dataclass(frozen=True)
class _Ending:
    """How it ended for one customer: a result, or the error that kept the run from beginning."""

    who: str
    result: "RunResult | None"
    refusal: ProvisionerError | None = None

    @property
    def error(self) -> ProvisionerError | None:
        from provisioner.steps.base import Failed

        if self.result is not None and isinstance(self.result.outcome, Failed):
            return self.result.outcome.error
        return self.refusal

    @property
    def waiting(self) -> "Waiting | None":
        from provisioner.steps.base import Waiting

        outcome = self.result.outcome if self.result else None
        return outcome if isinstance(outcome, Waiting) else None

    @property
    def exit_code(self) -> int:
        if self.error:
            return self.error.exit_code
        return WAITING if self.waiting else 0


def _one(
    workspace: Workspace, settings: "Settings", who: str, *, until: str | None, patience: float
) -> _Ending:
    from provisioner.runner import Runner

    with shown() as listener:
        try:
            result = Runner(workspace, settings, listener).provision(who, until=until, patience=patience)
        except ProvisionerError as refusal:
            return _Ending(who, None, refusal)
    return _Ending(result.customer.email, result)


def _tell(ending: _Ending) -> None:
    if ending.error:
        render.print_error(ending.error)
        if ending.result:
            render.say(f"  again, from this step on: provisioner provision {ending.who}")
    elif ending.waiting:
        render.say(f"waiting for {ending.waiting.of_whom} {ending.waiting.to_do}")
        render.say(f"  after that: provisioner provision {ending.who}")
    elif ending.result:
        render.say(_success(ending.result))


def _success(result: "RunResult") -> str:
    email = result.customer.email
    if result.step is None:
        return f"{email}: nothing to do, the setup is {result.customer.setup.status}"
    return f"{email}: {result.customer.status}, after {took(result.seconds)}"


def _document(ending: _Ending) -> dict[str, Any]:
    result, waiting, error = ending.result, ending.waiting, ending.error
    return {
        "email": ending.who,
        "outcome": "failed" if error else "waiting" if waiting else "done",
        "exitCode": ending.exit_code,
        "step": result.step if result else None,
        "run": result.run if result else None,
        "seconds": round(result.seconds, 3) if result else None,
        "waiting": {"of": waiting.of_whom, "for": waiting.to_do} if waiting else None,
        "error": render.error_document(error) if error else None,
    }


def _seconds(duration: str) -> float:
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise InputError("wait", cause=f"{duration!r} is no duration", hint="write 90s, 30m, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2]]
