"""Running a workflow for customers, with live progress: what all commands share that do so."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.output import render
from provisioner.errors import InputError, RecordError, UnknownCustomer
from provisioner.workspace import Workspace

if TYPE_CHECKING:
    from provisioner.runs.fleet import Fleet, JobResult
    from provisioner.runs.waves import Waved
    from provisioner.runs.workflow import Workflow

Jobs = Annotated[int, typer.Option(min=1, metavar="N", help="How many customers at once.")]
Json = Annotated[
    bool,
    typer.Option(
        "--json", help="One JSON document on standard output; progress as JSON lines on standard error."
    ),
]
JOBS = 50


def run_shown(
    workspace: Workspace,
    chosen: Sequence[str],
    workflow: "Workflow",
    jobs: int = 1,
    *,
    as_json: bool,
    until: str | None = None,
    patience: float = 0.0,
) -> "tuple[JobResult, ...]":
    """Take each as far as possible; `until` and `patience` as in `Fleet.run_all`."""
    from provisioner.runs.fleet import JobResult

    try:
        with _shown_fleet(workspace, chosen, jobs, as_json=as_json) as fleet:
            return tuple(fleet.run_all(chosen, workflow, until=until, patience=patience))
    except KeyboardInterrupt:
        # The second Ctrl-C: nothing is waited for, but the same command resumes.
        return tuple(JobResult(who, interrupted=True) for who in chosen)


def run_waves_shown(
    workspace: Workspace,
    chosen: Sequence[str],
    workflow: "Workflow",
    canary: int,
    jobs: int,
    *,
    as_json: bool,
) -> "Waved":
    """The same in waves: after one in which one fails nobody else is begun."""
    from provisioner.runs.fleet import JobResult
    from provisioner.runs.waves import Waved, run_in_waves

    try:
        with _shown_fleet(workspace, chosen, jobs, as_json=as_json) as fleet:
            return run_in_waves(fleet, chosen, workflow, canary)
    except KeyboardInterrupt:
        return Waved(tuple(JobResult(who, interrupted=True) for who in chosen), ())


def known_addresses(workspace: Workspace, whom: Sequence[str] | None) -> list[str]:
    """The address of each of these, once; InputError that names all that are unknown.

    A customer whose record cannot be read keeps the name given: their own run reports it.
    """
    addresses: dict[str, None] = {}
    unknown: list[UnknownCustomer] = []
    store = workspace.store()
    for who in whom or ():
        try:
            addresses[store.read(who).customer.email] = None
        except UnknownCustomer as problem:
            unknown.append(problem)
        except RecordError:
            addresses[who] = None
    if len(unknown) > 1:
        names = ", ".join(str(problem.whom) for problem in unknown)
        hints = dict.fromkeys(problem.hint for problem in unknown if problem.hint)
        raise InputError("find the customers", cause=f"no record is of {names}", hint="\n".join(hints))
    if unknown:
        raise unknown[0]
    return list(addresses)


@contextmanager
def _shown_fleet(
    workspace: Workspace, customers: Sequence[str], jobs: int, *, as_json: bool
) -> Iterator["Fleet"]:
    """A fleet whose progress is shown until the block ends."""
    from provisioner.cli.output.live import lines, shown, shown_together
    from provisioner.runs.fleet import Fleet
    from provisioner.settings import load_settings

    fleet = partial(Fleet, workspace, load_settings(workspace.root), jobs=jobs, together=len(customers) > 1)
    if as_json:
        listener, ended = lines()
        yield fleet(listener, ended=ended)
    elif len(customers) == 1:
        with shown() as listener:
            yield fleet(listener, slow_shutdown=_say_how_to_end)
    else:
        with shown_together(len(customers)) as (listener, ended):
            yield fleet(listener, ended=ended, slow_shutdown=_say_how_to_end)


def _say_how_to_end() -> None:
    render.say("stopping what is under way; Ctrl-C again ends it at once")
