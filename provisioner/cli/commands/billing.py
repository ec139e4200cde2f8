"""`billing`: what the records say of revenue, and of who came and who left."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Json
from provisioner.cli.output.result import Response
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.customers.store import AnyListing

_DOING = "show the figures"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(billing)


def billing(
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help="One month, with who moved in it: 2026-09.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="The months, for a spreadsheet.")] = False,
    as_json: Json = False,
) -> Response:
    """Show revenue and churn by month.

    Reckoned from the records and their history alone, each currency by itself: monthly recurring revenue and
    its movements, customers, churn, revenue of a customer, who stays; renewals of the next 30 days, and who
    has not paid. docs/billing.md defines each figure. Exit code 1 if a record cannot be read.
    """
    from provisioner.billing.figures import figures
    from provisioner.cli.output.billing import BillingCsv, BillingResult, MonthResult
    from provisioner.customers.store import everybody_ever
    from provisioner.settings import load_settings
    from provisioner.timestamps import present

    if month is not None and not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month):
        raise InputError(_DOING, cause=f"{month!r} is no month", hint="write 2026-09")
    if as_csv and (as_json or month):
        raise InputError(_DOING, cause="--csv has all months", hint="leave out --json and --month")
    workspace = current_workspace()
    broken: list[AnyListing] = []
    churn_at = load_settings(workspace.root).billing.churn_at
    found = figures(everybody_ever(workspace.store(), broken), present(), churn_at)
    if as_csv:
        return Response(BillingCsv(found, tuple(broken)))
    if month is not None:
        return Response(MonthResult(found, tuple(broken), month), as_json)
    return Response(BillingResult(found, tuple(broken)), as_json)
