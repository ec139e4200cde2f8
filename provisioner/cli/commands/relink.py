"""`relink`: revokes a link that somebody else used."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Who
from provisioner.cli.output.result import Response, done
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.messaging.channel import Reset

_STOP = "/usr/local/sbin/as-openclaw systemctl --user stop openclaw-gateway"


def register(app: typer.Typer) -> None:
    """Put the command on the command line."""
    app.command()(relink)


def relink(
    who: Who,
    username: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The customer's on Telegram: nobody else can use the link."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Even if the setup is complete, or the bot's token was given by hand."),
    ] = False,
) -> Response:
    """Revoke a customer's link that somebody else has used.

    Everything that resulted from it is revoked too; the next run creates a new link.
    """
    from provisioner.messaging.registry import channel_of

    store = current_workspace().store()
    channel = channel_of(store.read(who).customer)
    result = channel.reset(store, who, username, force=force)
    email = result.customer.email
    untouched = [f"{email} has no link that could be withdrawn."]
    lines = _what_was(result) if result.changed else untouched
    return done(*lines, f"Next, to make a new link and send it: {command('provision', email)}")


def _what_was(result: "Reset") -> Iterator[str]:
    email = result.customer.email
    yield f"{result.customer.timeline[-1].details}."
    if result.is_open:
        yield "Whoever uses the next one first becomes the customer, unless you say who they are:"
        yield f"  {command('relink', email, options='--username NAME')}"
    if result.goes_on:
        yield "Their server goes on talking over the old bot until the new one is connected. To stop it now:"
        yield f"  {command('ssh', email)} -- {_STOP}"
