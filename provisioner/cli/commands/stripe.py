"""`stripe sync` and `stripe events`: what Stripe has said, and what it says now."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Json
from provisioner.cli.output.result import Response
from provisioner.errors import InputError, SettingsError

if TYPE_CHECKING:
    from provisioner.settings import Settings
    from provisioner.workspace import Workspace

_MOST = 50
_DOING = "sync with Stripe"

_stripe = typer.Typer(
    help="What Stripe has said, and whether the records agree.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(_stripe, name="stripe")


@_stripe.command("sync")
def sync(
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Fetch events from this day on: 2026-01-29. Stripe has 30 days."),
    ] = None,
    as_json: Json = False,
) -> Response:
    """Fetch missed events, and compare the records with Stripe.

    Both ways: what Stripe says of a customer's subscription goes into the record; a subscription that is in
    no record, and one that Stripe does not have, are shown. Nobody is added by it. Exit code 1 if anything
    is left for a person.
    """
    from provisioner.cli.output.stripe import SyncResult
    from provisioner.worker.stripe_events import sync_of

    workspace, settings = _known()
    comparison = sync_of(workspace, settings)
    if comparison is None:
        hint = "set STRIPE_SECRET_KEY in the environment or in .env; a restricted key that may read is enough"
        raise SettingsError(_DOING, cause="no key is set", hint=hint)
    synced = comparison.compare(_moment(since) if since else None)
    return Response(SyncResult(synced), as_json)


@_stripe.command("events")
def events(
    all_of_them: Annotated[bool, typer.Option("--all", help=f"More than the last {_MOST}.")] = False,
    as_json: Json = False,
) -> Response:
    """List the events that have come, with what each did.

    applied: a record says so. nothing: it means nothing for a customer. kept: it is about nobody who is
    known yet. strange: it could not be understood. pending: it was not looked at yet.
    """
    from provisioner.cli.output.stripe import EventsResult
    from provisioner.worker.stripe_events import inbox_of

    there = inbox_of(current_workspace()).all()
    return Response(EventsResult(tuple(there if all_of_them else there[-_MOST:]), len(there)), as_json)


def _known() -> "tuple[Workspace, Settings]":
    from provisioner.settings import load_settings

    workspace = current_workspace()
    return workspace, load_settings(workspace.root)


def _moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(_DOING, cause=f"{text!r} is no date", hint="write 2026-01-29") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
