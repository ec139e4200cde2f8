"""The command line as typer builds it, with what typer cannot express."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer.core
from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param
from typer._param_types import coerce_cli_path
from typer.core import TyperArgument, TyperGroup
from typer.main import get_command

from provisioner.cli.context import choose_workspace

if TYPE_CHECKING:
    from typer._click.core import Command, Context, Parameter

_ELSEWHERE = frozenset({"sandbox", "demo", "init", "completion"})
"""Commands that need no workspace, or create one."""


class _PlainArgument(TyperArgument):
    """An argument whose help shows its name without a Python type."""

    def display_type_rich(self, ctx: "Context") -> str | None:  # noqa: ARG002 - as in its base
        return None


@dataclass(frozen=True)
class _AsTyped(RuntimeParam):
    """A value that needs no validation. Typer loads pydantic for every value, which doubles its start."""

    descriptor: TypeDescriptor

    def _coerce_value(self, value: Any, param: Any, ctx: "Context") -> Any:
        if self.annotation is bool and isinstance(value, bool):
            return value
        plain = isinstance(value, str) and value.isascii() and value.isprintable()
        if self.annotation is bool or not plain:
            return build_runtime_param(self.descriptor).coerce(value, param, ctx)
        if self.annotation is str:
            return value
        return coerce_cli_path(Path(value), self.parameter_info, path_type=Path, param=param, ctx=ctx)


def command_line(app: "typer.Typer") -> "Command":
    """All commands; `--workspace` is accepted after a command too, and no help shows Python types."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    # Typer asks this for every parameter when it is first used, and has no other place to answer.
    typer.core.build_runtime_param = _runtime_param  # type: ignore[attr-defined]
    workspace = _after_the_command(root)
    for name, command in root.commands.items():
        for leaf in _leaves(command):
            for parameter in leaf.params:
                if isinstance(parameter, TyperArgument):
                    parameter.__class__ = _PlainArgument
            if name not in _ELSEWHERE:
                leaf.params.append(workspace)
    return root


def _runtime_param(descriptor: TypeDescriptor) -> RuntimeParam:
    """What makes a parameter's value of a word."""
    if descriptor.annotation in (str, bool, Path) and descriptor.parameter_info.parser is None:
        return _AsTyped(descriptor.parameter_info, descriptor.annotation, descriptor)
    return build_runtime_param(descriptor)


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
