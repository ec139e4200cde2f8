"""The entry point: one command line, with every error as one short block and its exit code."""

import io
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer._click.exceptions import ClickException

from provisioner.cli.commandline import command_line
from provisioner.cli.commands import (
    completion,
    doctor,
    mail,
    plan,
    provision,
    rebuild,
    relink,
    server,
    status,
    tracking,
    upkeep,
)
from provisioner.cli.context import choose_workspace
from provisioner.cli.output import render, terminal
from provisioner.cli.output.result import Response
from provisioner.cli.sandbox import demo
from provisioner.cli.sandbox.machine import sandbox_app
from provisioner.errors import ProvisionerError

INTERRUPTED = 130

app = typer.Typer(
    name="provisioner",
    help="Set up customers, each with a Moltbot on a server of their own.",
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    # rich would more than double the time until the first word.
    rich_markup_mode=None,
)
tracking.register(app)
upkeep.register(app)
plan.register(app)
provision.register(app)
rebuild.register(app)
status.register(app)
doctor.register(app)
relink.register(app)
server.register(app)
mail.register(app)
app.add_typer(sandbox_app, name="sandbox")
demo.register(app)
completion.register(app)


def run() -> NoReturn:
    """The command `provisioner`."""
    # There are no plugins, and looking for them in every installed package takes 20 ms.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    terminal.open_streams()
    try:
        code = terminal.finish(_code())
    except BrokenPipeError:
        terminal.hush()
        code = 1
    except ProvisionerError as error:
        render.print_error(error)
        code = error.exit_code
    sys.exit(code)


def _code() -> int:
    """Run the command; its exit code, after everything is printed."""
    try:
        answer = command_line(app).main(prog_name="provisioner", standalone_mode=False)
        if isinstance(answer, Response):
            return render.respond(answer)
    except ProvisionerError as error:
        render.print_error(error)
        return error.exit_code
    except ClickException as error:
        # It words its message best, but does not clean what was typed for a terminal.
        said = io.StringIO()
        error.show(file=said)
        render.say_lines(said.getvalue())
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if terminal.is_full(error):
            render.print_error(ProvisionerError("write the answer", cause=error))
            terminal.hush()
            return 1
        from provisioner.cli.output.crash import report

        render.say(report(error))
        return 1
    return answer if isinstance(answer, int) else 0


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        render.print_line(version("provisioner"))
        raise typer.Exit


@app.callback()
def _options(
    workspace: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The workspace; default: PROVISIONER_WORKSPACE, or found upwards from here.",
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    choose_workspace(workspace)


if __name__ == "__main__":
    run()
