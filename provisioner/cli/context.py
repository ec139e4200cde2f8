"""The choices of the options before the command, for the commands."""

from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.printable import choose_everywhere

if TYPE_CHECKING:
    from provisioner.workspace import Workspace

_explicit: ContextVar[Path | None] = ContextVar("explicit_workspace", default=None)


def choose_workspace(folder: Path | None) -> None:
    """Remember the folder that `--workspace` names."""
    _explicit.set(folder)
    choose_everywhere(*(("--workspace", str(folder)) if folder is not None else ()))


def current_workspace() -> "Workspace":
    """The workspace of this call; SettingsError if there is none."""
    from provisioner.workspace import Workspace

    return Workspace.find(explicit=_explicit.get())
