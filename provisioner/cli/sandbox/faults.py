"""The sandbox's commands for faults, and for the requests to its services."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli.options import Json
from provisioner.cli.output.result import Answer, Response, Told
from provisioner.cli.sandbox.choice import the_sandbox
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.sandbox.faults.rules import Fault

_faults = typer.Typer(help="Inject faults on demand.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    app.add_typer(_faults, name="faults")
    app.command("counts")(_counts)


@_faults.command("list")
def _list(json: Json = False) -> Response:
    """List the active rules, and how often each was applied."""
    faults = the_sandbox().faults()
    content = {"faults": [fault.model_dump() for fault in faults]}
    return Response(
        Answer([_line(fault) for fault in faults] or ["no faults"], content, "sandboxFaults"), json
    )


@_faults.command("kinds")
def _kinds() -> Response:
    """List the kinds of faults and their parameters."""
    from provisioner.sandbox.faults.rules import KINDS

    return Response(Told([f"{kind:<18} {meaning}" for kind, meaning in KINDS.items()]))


@_faults.command("add")
def _add(
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE", help="cloud, telegram, model, node, mail, stripe, webhook or server."
        ),
    ],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="See `faults kinds`.")],
    params: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE")] = None,
    method: Annotated[str, typer.Option(metavar="METHOD", help="GET, POST, …; * for all.")] = "*",
    path: Annotated[
        str,
        typer.Option(
            metavar="REGEX",
            help="A regular expression, searched in the path with its query, or a droplet's name.",
        ),
    ] = "",
    count: Annotated[
        int, typer.Option(metavar="N", min=0, help="How often it is applied; 0 for always.")
    ] = 1,
    after: Annotated[
        int, typer.Option(metavar="N", min=0, help="How many matching requests to let pass first.")
    ] = 0,
) -> Response:
    """Add a fault.

    For example: provisioner sandbox faults add cloud status status=500 --path /droplets

    The next droplet is a rough one: provisioner sandbox faults add server rough
    """
    from pydantic import ValidationError

    from provisioner.validation import explain

    values = dict(_parameter(text) for text in params or ())
    try:
        fault = the_sandbox().fault(
            service,  # type: ignore[arg-type]  # checked by the rule's model
            kind,  # type: ignore[arg-type]
            method=method,
            path=path,
            count=count or None,
            after=after,
            **values,
        )
    except ValidationError as error:
        raise InputError("add the fault", cause=explain(error, "fault")) from None
    return Response(Told([_line(fault)]))


@_faults.command("clear")
def _clear(
    number: Annotated[
        int | None, typer.Argument(metavar="NUMBER", help="The rule's number; default: all.")
    ] = None,
) -> None:
    """Remove all faults, or one."""
    the_sandbox().clear_faults(number)


def _counts(
    reset: Annotated[bool, typer.Option("--reset", help="Reset the counts afterwards.")] = False,
    json: Json = False,
) -> Response:
    """Count the requests to each service."""
    sandbox = the_sandbox()
    rows = sandbox.requests()
    if reset:
        sandbox.reset_counts()
    lines = [
        f"{row.count:>6}  {row.service:<9} {row.method:<6} {row.status or 'cut':>4}  {row.route}"
        for row in rows
    ]
    return Response(Answer(lines, {"requests": [row.model_dump() for row in rows]}, "sandboxCounts"), json)


def _parameter(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise InputError("add the fault", cause=f"{text!r} is not NAME=VALUE")
    return name, value


def _line(fault: "Fault") -> str:
    times = "always" if fault.count is None else f"{fault.count} times"
    given = fault.params.model_dump(exclude_defaults=True)
    params = " ".join(f"{name}={value}" for name, value in given.items())
    where = f"{fault.method} {fault.path or 'everything'}"
    struck = f"struck {fault.struck}"
    return (
        f"{fault.id}  {fault.service} {fault.kind} {params} on {where}, {times} after {fault.after}, {struck}"
    )
