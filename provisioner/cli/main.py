"""The entry point: one command line, with every error as one short block and its exit code."""

import importlib
import io
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer._click.exceptions import ClickException

from provisioner.cli.commandline import command_line
from provisioner.cli.context import choose_workspace
from provisioner.cli.output import render, terminal
from provisioner.cli.output.result import Response
from provisioner.errors import ProvisionerError

INTERRUPTED = 130

ROOMS: Mapping[str, tuple[str, ...]] = {
    "commands.tracking": (
        "add",
        "list",
        "show",
        "update",
        "note",
        "timeline",
        "archive",
        "restore",
        "rename",
    ),
    "commands.upkeep": ("init", "check", "schema"),
    "commands.plan": ("plan",),
    "commands.provision": ("provision", "resume"),
    "commands.rebuild": ("rebuild",),
    "commands.apply": ("apply",),
    "commands.upgrade": ("upgrade",),
    "commands.rotate": ("rotate",),
    "commands.backup": ("backup", "restore-backup"),
    "commands.pausing": ("pause",),
    "commands.changing": ("resize", "move"),
    "commands.model_key": ("model-key",),
    "commands.leaving": ("cancel", "destroy"),
    "commands.handover": ("handover",),
    "commands.status": ("status",),
    "commands.health": ("health",),
    "commands.billing": ("billing",),
    "commands.doctor": ("doctor", "adopt"),
    "commands.relink": ("relink",),
    "commands.server": ("logs", "ssh"),
    "commands.mail": ("mail",),
    "commands.image": ("image",),
    "commands.pool": ("pool",),
    "commands.serve": ("serve", "worker"),
    "commands.login": ("login",),
    "commands.stripe": ("stripe",),
    "sandbox.machine": ("sandbox",),
    "sandbox.demo": ("demo",),
    "commands.completion": ("completion",),
}
"""Where each command is, in the order of the help."""


def application(wanted: str | None = None) -> typer.Typer:
    """The command line: with the commands of one module if the one that is `wanted` is there, else with all.

    Loading all of them takes as long as a short command itself.
    """
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
    app.callback()(_options)
    for room in [room for room, names in ROOMS.items() if wanted in names] or ROOMS:
        importlib.import_module(f"provisioner.cli.{room}").register(app)
    return app


def _wanted(words: Iterable[str]) -> str | None:
    """The command among the words of the command line; None where only typer can tell."""
    left = iter(words)
    for word in left:
        if word == "--workspace":
            next(left, None)
        elif not word.startswith("--workspace="):
            return None if word.startswith("-") else word
    return None


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
        answer = command_line(application(_wanted(sys.argv[1:]))).main(
            prog_name="provisioner", standalone_mode=False
        )
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
