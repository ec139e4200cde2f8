"""The tracking commands: `add`, `list`, `show`, `update`, `note`, `timeline`, `archive`, `rename`, …"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.actor import actor
from provisioner.cli.context import current_workspace
from provisioner.cli.options import Json, Who
from provisioner.cli.output import render
from provisioner.cli.output.result import Response, done
from provisioner.errors import InputError, SettingsError
from provisioner.printable import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.customers.record import Customer
    from provisioner.customers.store import CustomerStore
    from provisioner.customers.wanted import Wanted

# A value or a note may begin with a dash.
_WORDS = {"ignore_unknown_options": True}
_SUBSCRIPTION = "subscription.stripeSubscriptionId"
_OF_CHANNEL = "setup.messaging."
_SIZE, _REGION = "setup.droplet.size", "setup.droplet.region"
_PLATFORM = "setup.messaging.platform"


def register(app: typer.Typer) -> None:
    """Put the tracking commands on the command line."""
    app.command("add")(add)
    app.command("list")(list_customers)
    app.command("show")(show)
    app.command("update", context_settings=_WORDS)(update)
    app.command("note", context_settings=_WORDS)(note)
    app.command("timeline", context_settings=_WORDS)(timeline)
    app.command("archive")(archive)
    app.command("restore")(restore)
    app.command("rename")(rename)


def add(
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    subscription_id: Annotated[
        str, typer.Argument(metavar="SUBSCRIPTION_ID", help="Stripe's id of the subscription: sub_…")
    ],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The customer's name.")] = None,
    plan: Annotated[str, typer.Option(metavar="PLAN", help="What they pay for.")] = "stuffpress-monthly",
    amount: Annotated[
        int, typer.Option(metavar="CENTS", min=0, help="Monthly price, in the currency's smallest unit.")
    ] = 8999,
    currency: Annotated[str, typer.Option(metavar="CURRENCY", help="In which they pay.")] = "usd",
    price_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Stripe's id of the price: price_…")
    ] = None,
    telegram: Annotated[
        str | None, typer.Option(metavar="@NAME", help="The customer's Telegram username: @…")
    ] = None,
    source: Annotated[str, typer.Option(metavar="SOURCE", help="Where the customer came from.")] = "stripe",
    referrer: Annotated[str | None, typer.Option(metavar="REFERRER", help="Who referred them.")] = None,
    landing_page: Annotated[
        str, typer.Option(metavar="PAGE", help="The page on which they signed up.")
    ] = "stuffpress",
    force: Annotated[
        bool, typer.Option("--force", help="Even if another customer has this subscription.")
    ] = False,
) -> Response:
    """Add a new customer."""
    from provisioner.customers.new import SignUp, new_record
    from provisioner.customers.stated import checked_subscription, checked_value
    from provisioner.messaging.telegram.usernames import stated_username

    if "@" in subscription_id and "@" not in email:
        hint = command("add", subscription_id, email)
        raise InputError("add the customer", cause="the address goes before the subscription", hint=hint)
    checked_subscription(subscription_id)
    currency = checked_value("subscription.currency", currency)
    price_id = checked_value("subscription.stripePriceId", price_id) if price_id else None
    telegram = stated_username(telegram) if telegram else None
    sign_up = SignUp(
        email,
        subscription_id,
        (name or "").strip() or None,
        plan,
        amount,
        currency,
        price_id,
        telegram,
        source,
        referrer,
        landing_page,
    )
    record = new_record(sign_up)
    current_workspace().store().add(record, shared_subscription=force)
    customer = record.customer
    # Said at once: settings that cannot be read come after it.
    render.say(f"Added {customer.email} as {customer.id}.")
    return done(*_what_is_next(customer))


def _what_is_next(customer: "Customer") -> "Iterator[str]":
    from provisioner.messaging.registry import channel_of
    from provisioner.settings import load_settings

    yield from channel_of(customer).next_steps(load_settings(current_workspace().root), customer)
    yield f"  {command('provision', customer.email, options='--wait')}"


def list_customers(
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only customers with this status.")
    ] = None,
    archived: Annotated[bool, typer.Option("--archived", help="List the archive instead.")] = False,
    as_json: Json = False,
) -> Response:
    """List customers, and what each is waiting for."""
    from provisioner.cli.output.records import customer_list
    from provisioner.customers.lifecycle import STATUSES
    from provisioner.customers.store import read_in_bulk

    if status is not None and status not in STATUSES:
        raise InputError(
            "list the customers", cause=f"there is no status {status}", hint=f"one of {', '.join(STATUSES)}"
        )
    with read_in_bulk():
        found = customer_list(current_workspace(), status, archived=archived, as_json=as_json)
    return Response(found, as_json)


def show(
    who: Who,
    as_json: Json = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show secrets too.")] = False,
) -> Response:
    """Show one customer's record."""
    from provisioner.cli.output.records import CustomerResult

    found = current_workspace().store().find(who)
    wanted = _what_they_are_to_have(found.record.customer)
    return Response(CustomerResult(found.record, found.archived, reveal, wanted), as_json)


def _what_they_are_to_have(customer: "Customer") -> "Wanted | None":
    """None for who has left, and while the settings cannot be read: a record is shown all the same."""
    from provisioner.customers.lifecycle import has_left
    from provisioner.customers.wanted import wanted_of
    from provisioner.settings import load_settings

    if has_left(customer.status):
        return None
    try:
        return wanted_of(customer, load_settings(current_workspace().root))
    except SettingsError:
        return None


def update(
    who: Who,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="A dotted path: setup.droplet.id")],
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="null clears; - reads it from standard input, for secrets.")
    ],
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Allow an illegal change of status, or a subscription that another customer has."
        ),
    ] = False,
) -> Response:
    """Change one field."""
    from provisioner.customers.changes import change_field

    word = _typed_in() if value == "-" else value
    store = current_workspace().store()
    if word != "null":
        word = _understood(who, field, word)
    if field == _SUBSCRIPTION and word != "null":
        _check_subscription(store, who, word, force=force)
    with store.edit(who, f"update {field}") as record:
        before = record.customer
        change = change_field(record, field, word, force=force)
    lines = [f"{record.customer.email}: {change}"]
    if field == "status" and word == "cancelled":
        lines += _costs_on(record.customer)
    if field == _PLATFORM:
        lines += _what_it_means(before, record.customer)
    if before.setup.droplet.id and word != "null":
        lines += _what_changes_it(field, record.customer.email, word)
    return done(*lines)


def _understood(who: str, field: str, word: str) -> str:
    """The typed word in the form that the record has; InputError if it is invalid."""
    if field == _PLATFORM:
        from provisioner.messaging.registry import stated_platform

        return stated_platform(word)
    return _accepted_by_channel(who, field, word) if field.startswith(_OF_CHANNEL) else word


def _what_it_means(before: "Customer", customer: "Customer") -> list[str]:
    from provisioner.messaging.registry import meaning_of_change

    meaning = meaning_of_change(before, customer)
    return [meaning] if meaning else []


def _what_changes_it(field: str, email: str, word: str) -> list[str]:
    """That a record alone changes no server, where there is one."""
    changing = {
        _SIZE: command("resize", email, word),
        _REGION: command("move", email, options=f"--region {word}"),
    }.get(field)
    return [f"This changes no server; to change it: {changing}"] if changing else []


def _typed_in() -> str:
    """One line of standard input; InputError if there is none."""
    line = sys.stdin.readline()
    if not line:
        raise InputError(
            "read the value",
            cause="standard input is empty",
            hint="type the value, or send it through a pipe",
        )
    return line.rstrip("\n")


def _check_subscription(store: "CustomerStore", who: str, word: str, *, force: bool) -> None:
    from provisioner.customers.rules import refuse_shared_subscription
    from provisioner.customers.store import customers_having

    if not force:
        customer = store.read(who).customer
        holders = customers_having(store, "subscription", word)
        refuse_shared_subscription("update the subscription", customer, word, holders)


def _accepted_by_channel(who: str, field: str, word: str) -> str:
    """The word as the customer's channel has it; each has rules of its own."""
    from provisioner.messaging.registry import known_channel
    from provisioner.settings import load_settings

    workspace = current_workspace()
    store = workspace.store()
    customer = store.read(who).customer
    channel = known_channel(customer)
    if channel is None:
        return word
    accepted = channel.accept(field, word, customer, store, lambda: load_settings(workspace.root))
    if accepted.remark:
        render.say(accepted.remark)
    return accepted.value


def note(who: Who, text: Annotated[list[str], typer.Argument(metavar="TEXT")]) -> Response:
    """Add a note."""
    words = _joined(text, "add the note")
    with current_workspace().store().edit(who, "add a note") as record:
        record.add_note(words)
    return done(f"Noted for {record.customer.email}.")


def timeline(
    who: Who,
    event: Annotated[str | None, typer.Argument(metavar="EVENT", help="Its name: droplet_created")] = None,
    details: Annotated[list[str] | None, typer.Argument(metavar="DETAILS")] = None,
    as_json: Json = False,
) -> Response:
    """Show a customer's history, or add an event to it."""
    from provisioner.cli.output.records import TimelineResult

    if event is None:
        return Response(TimelineResult(current_workspace().store().read(who)), as_json)
    name = _joined([event], "add the event")
    with current_workspace().store().edit(who, "add an event") as record:
        record.add_event(name, " ".join(details or []), by=actor())
    if as_json:
        return Response(TimelineResult(record), as_json)
    return done(f"Added {name} to the timeline of {record.customer.email}.")


def archive(
    who: Who,
    force: Annotated[
        bool, typer.Option("--force", help="Even if their droplet still exists and costs money.")
    ] = False,
) -> Response:
    """Move a customer to the archive.

    Refused while their droplet exists and costs money.
    """
    store = current_workspace().store()
    found = store.find(who)
    lines = [] if found.archived else _look_for_droplet(store, found.record.customer, force=force)
    moved = store.archive(who)
    return done(*lines, f"Archived {who}." if moved else f"{who} was in the archive already.")


def _look_for_droplet(store: "CustomerStore", customer: "Customer", *, force: bool) -> list[str]:
    """Refuse if a droplet remains; with `force`, or if the cloud cannot be asked, only say that it may."""
    from provisioner.customers.leaving import may_have_droplet
    from provisioner.settings import load_settings
    from provisioner.steps.droplet import remaining

    if not may_have_droplet(customer):
        return []
    settings = load_settings(current_workspace().root)
    droplet = customer.setup.droplet
    if force:
        with store.edit(customer.email, "archive the customer") as record:
            told = f"Without looking whether droplet {droplet.id or droplet.name} still exists and costs"
            record.add_event("archive_forced", told, by=actor())
    elif settings.digitalocean_token is not None:
        from provisioner.services.digitalocean.client import DigitalOcean

        token, endpoint = settings.digitalocean_token.get_secret_value(), settings.digitalocean_endpoint
        cloud = DigitalOcean(token, endpoint, patience=remaining.PATIENCE_SECONDS)
        remaining.refuse_while_remaining(cloud, customer)
    else:
        return _costs_on(customer)
    return []


def _costs_on(customer: "Customer") -> list[str]:
    """A line that says that the droplet is not destroyed and still costs money, if it may exist."""
    from provisioner.customers.leaving import may_have_droplet

    if not may_have_droplet(customer):
        return []
    droplet = customer.setup.droplet
    named = f"droplet {droplet.id or droplet.name}" + (f" ({droplet.ip})" if droplet.ip else "")
    return [
        f"{customer.email}: {named} is not destroyed by this; while it exists it costs what its size does"
    ]


def restore(who: Who) -> Response:
    """Bring a customer back from the archive."""
    moved = current_workspace().store().restore(who)
    return done(f"Restored {who}." if moved else f"{who} was not in the archive.")


def rename(
    who: Annotated[str, typer.Argument(metavar="OLD", help="The address until now, or their id.")],
    address: Annotated[str, typer.Argument(metavar="NEW", help="The address from now on.")],
) -> Response:
    """Change a customer's address, here and at Stripe.

    Refused while a run is at work on them. Run it again after an interruption, or if Stripe could not be
    reached. Without STRIPE_SECRET_KEY it is changed here alone.
    """
    from provisioner.customers.renaming import rename
    from provisioner.payments.addresses import tell_address
    from provisioner.services.factory import connect_stripe
    from provisioner.settings import load_settings

    workspace = current_workspace()
    store, stripe = workspace.store(), connect_stripe(load_settings(workspace.root))
    customer = rename(store, who, address, actor(), stripe_too=stripe is not None)
    # Said at once: what Stripe says comes after it.
    render.say(f"{who} is {customer.email} now.")
    if stripe is None or not tell_address(store, stripe, customer.id):
        return done()
    return done("Stripe knows it, too.")


def _joined(words: list[str], doing: str) -> str:
    text = " ".join(words).strip()
    if not text:
        raise InputError(doing, cause="it has no words")
    return text
