"""The commands around the records: `init`, `check`, `schema`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Json
from provisioner.cli.output.result import Response, Told, Verbatim, done


def register(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("init")(init)
    app.command("check")(check)
    app.command("schema")(schema)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to use.")] = Path(),
    contact: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where customers can write to; for new settings.")
    ] = None,
) -> Response:
    """Create a workspace; existing files are kept."""
    from provisioner.settings import load_settings
    from provisioner.workspace import init_workspace

    workspace, made = init_workspace(folder, contact)
    lines = [f"{workspace.root} is {'now' if made else 'already'} a workspace."]
    files = [path for path in made if path.is_file() and not path.name.startswith(".")]
    if files:
        lines.append(f"Made {', '.join(str(path.relative_to(workspace.root)) for path in files)}.")
    missing = load_settings(workspace.root).missing_for_customers()
    lines += [f"Before the first customer: {one}." for one in missing]
    return done(*lines, "Next: provisioner add EMAIL SUBSCRIPTION_ID")


def check(
    fix: Annotated[bool, typer.Option("--fix", help="Repair names, permissions and leftovers.")] = False,
    as_json: Json = False,
) -> Response:
    """Check the customers' files for problems."""
    from provisioner.cli.output.records import CheckResult

    return Response(CheckResult(current_workspace().store().check(fix=fix)), as_json)


def schema() -> Response:
    """Print the JSON Schema of a customer's file, for editors."""
    from provisioner.customers.record import json_schema

    # As it is: an editor reads it, which wants no envelope.
    return Response(Told([Verbatim(f"{json.dumps(json_schema(), indent=2)}\n")]))
