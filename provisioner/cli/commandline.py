"""The command line as typer builds it, with what typer cannot express."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperArgument, TyperGroup
from typer.main import get_command

from provisioner.cli.context import choose_workspace

if TYPE_CHECKING:
    import typer
    from typer._click.core import Command, Context, Parameter

_ELSEWHERE = frozenset({"sandbox", "demo", "init", "completion"})
"""Commands that need no workspace, or create one."""


class _PlainArgument(TyperArgument):
    """An argument whose help shows its name without a Python type."""

    def display_type_rich(self, ctx: "Context") -> str | None:  # noqa: ARG002 - as in its base
        return None


def command_line(app: "typer.Typer") -> "Command":
    """All commands; `--workspace` is accepted after a command too, and no help shows Python types."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    workspace = _after_the_command(root)
    for name, command in root.commands.items():
        for leaf in _leaves(command):
            for parameter in leaf.params:
                if isinstance(parameter, TyperArgument):
                    parameter.__class__ = _PlainArgument
            if name not in _ELSEWHERE:
                leaf.params.append(workspace)
    return root


def _leaves(command: "Command") -> "Iterator[Command]":
    yield command
    if isinstance(command, TyperGroup):
        for inner in command.commands.values():
            yield from _leaves(inner)


def _after_the_command(root: TyperGroup) -> "Parameter":
    """The global option, for each command; shown in the top help only."""
    option: Any = copy.copy(next(one for one in root.params if one.name == "workspace"))
    option.hidden = True
    option.expose_value = False
    option.callback = _choose
    return option  # type: ignore[no-any-return]


def _choose(_context: "Context", _option: "Parameter", folder: Path | None) -> Path | None:
    if folder is not None:
        choose_workspace(Path(folder))
    return folder
