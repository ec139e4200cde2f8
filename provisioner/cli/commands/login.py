"""`login`: a link, or a password, for a person who may see the dashboard."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.actor import actor
from provisioner.cli.context import current_workspace
from provisioner.cli.output.result import Message, Response, Told, done
from provisioner.errors import InputError
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.web.access.roles import Role
    from provisioner.workspace import Workspace

Name = Annotated[str | None, typer.Option(metavar="NAME", help="Whose; default: yours on this machine.")]
_NOBODY_SERVES = "http://127.0.0.1:8080"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(login)


def login(
    name: Name = None,
    role: Annotated[
        str | None, typer.Option(metavar="ROLE", help="owner, support or read-only; the first is an owner.")
    ] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Set their password instead; it is asked for.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="They are not let in any more.")] = False,
) -> Response:
    """Let a person in to the dashboard of serve.

    Prints a link that is good once, for 15 minutes. support does everything but money, cancelling and
    destroying; read-only only looks.
    """
    from provisioner.web.access.operators import LINK_MINUTES, Operators, checked_name
    from provisioner.web.access.place import access_folder

    if password and remove:
        raise InputError("log in", cause="only one of --password and --remove can be meant")
    workspace = current_workspace()
    operators = Operators(access_folder(workspace))
    whose = checked_name(name or actor())
    if remove:
        removed = operators.remove(whose)
        return done(f"{removed.name} is not let in any more, also where they were signed in.")
    known = _role(role)
    if password:
        from provisioner.web.access.passwords import hash_of

        hashed = hash_of(_typed())
        operators.invite(whose, known)
        operator = operators.set_password(whose, hashed)
        return done(f"{operator.name} ({operator.role}) signs in with this password, and nowhere else is in.")
    operator, token = operators.invite(whose, known)
    address, lines = _address(workspace)
    good = f"For {operator.name} ({operator.role}), once, within {LINK_MINUTES} minutes:"
    return Response(Told([*map(Message, (*lines, good)), f"{address}/sign-in/{token}"]))


def _role(word: str | None) -> "Role | None":
    from provisioner.web.access.roles import ROLES

    if word is not None and word not in ROLES:
        raise InputError("log in", cause=f"there is no role {word}", hint=f"one of {', '.join(ROLES)}")
    return word  # type: ignore[return-value]  # it is one of them


def _typed() -> str:
    """The password, typed twice at a terminal; else one line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\n")


def _address(workspace: "Workspace") -> tuple[str, list[str]]:
    """Where the dashboard is: as the settings say, else as the process that serves now does."""
    from provisioner.settings import load_settings
    from provisioner.web.access.place import serving_at

    named = load_settings(workspace.root).web.address
    serving = serving_at(workspace)
    if named or serving:
        return named or str(serving), []
    return _NOBODY_SERVES, [f"Nobody serves this workspace now: {command('serve')}"]
