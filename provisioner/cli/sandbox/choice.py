"""The sandbox that the options before a sandbox command choose."""

import shlex
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.sandbox.control.client import Sandbox

_choice: ContextVar[tuple[str, Path | None]] = ContextVar("sandbox_choice", default=("default", None))


def choose_sandbox(name: str, state: Path | None) -> None:
    _choice.set((name, state))


def chosen_state() -> Path:
    """The state folder of the chosen sandbox."""
    from provisioner.sandbox.control.state import folder_named

    name, state = _choice.get()
    return state if state is not None else folder_named(name)


def sandbox_command(name: str) -> str:
    """The command line of this sandbox command for the chosen sandbox."""
    chosen, state = _choice.get()
    words = (
        ["--state", str(state)] if state is not None else ["--name", chosen] if chosen != "default" else []
    )
    return command("sandbox", options=shlex.join([*words, name]))


def the_sandbox() -> "Sandbox":
    from provisioner.sandbox.control.client import Sandbox

    return Sandbox(chosen_state())
