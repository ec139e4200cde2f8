"""The sandbox's commands for Stripe: buying, not paying, leaving, and what becomes of the events."""

from contextvars import ContextVar
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli.options import Json
from provisioner.cli.output.result import Answer, Response, Told, done
from provisioner.cli.sandbox.choice import the_sandbox
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.sandbox.control.stripe_client import (
        EventView,
        MoneyView,
        SandboxStripe,
        SubscriptionView,
    )

_stripe = typer.Typer(
    help="Buy, pay, leave: what Stripe then tells the webhook.", no_args_is_help=True, rich_markup_mode=None
)
_live: ContextVar[bool] = ContextVar("stripe_live", default=False)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's address in Stripe.")]


def register(app: typer.Typer) -> None:
    app.add_typer(_stripe, name="stripe")


@_stripe.callback()
def _mode(
    live: Annotated[bool, typer.Option("--live", help="In live mode, which has its own keys.")] = False,
) -> None:
    _live.set(live)


@_stripe.command("checkout")
def _checkout(
    email: Email,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Their name.")] = None,
    telegram: Annotated[
        str | None, typer.Option(metavar="USERNAME", help="What they type as their Telegram username.")
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(metavar="PRICE", help="An id or lookup key, or cents a month; default: $89.99."),
    ] = None,
    trial: Annotated[
        int | None, typer.Option(metavar="DAYS", min=1, help="Days before it costs anything.")
    ] = None,
    coupon: Annotated[
        str | None, typer.Option(metavar="COUPON", help="A coupon's id, or percent off for good.")
    ] = None,
    card: Annotated[
        str, typer.Option(metavar="KIND", help="pays, declines, authenticates, or delays for days.")
    ] = "pays",
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="An open session that was made over the API.")
    ] = None,
    json: Json = False,
) -> Response:
    """Buy a subscription, and print it."""
    bought = _the_stripe().checkout(
        email,
        name=name,
        telegram=telegram,
        price=price,
        trial_days=trial,
        coupon=coupon,
        card=card,
        session=session,
    )
    return _subscribed(bought, json)


@_stripe.command("fail")
def _fail(
    email: Email,
    later: Annotated[
        bool, typer.Option("--later", help="At the next renewal, which the clock brings.")
    ] = False,
    json: Json = False,
) -> Response:
    """Let the card refuse, and ask for the next payment now."""
    return _subscribed(_the_stripe().fail(email, later=later), json)


@_stripe.command("pay")
def _pay(email: Email, json: Json = False) -> Response:
    """Pay what is owed, or else the next period beforehand.

    A card that refuses is replaced.
    """
    return _subscribed(_the_stripe().pay(email), json)


@_stripe.command("cancel")
def _cancel(
    email: Email,
    now: Annotated[bool, typer.Option("--now", help="At once, not at the period's end.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    flag: Annotated[
        bool, typer.Option("--flag", help="With cancel_at_period_end, not by cancel_at alone.")
    ] = False,
    feedback: Annotated[
        str | None, typer.Option(metavar="WORD", help="Why: too_expensive, unused, other, …")
    ] = None,
    comment: Annotated[str | None, typer.Option(metavar="TEXT", help="In their own words.")] = None,
    json: Json = False,
) -> Response:
    """Cancel at the period's end, as in the customer portal."""
    stripe = _the_stripe()
    if undo:
        return _subscribed(stripe.keep(email), json)
    left = stripe.cancel(email, now=now, flag=flag, feedback=feedback, comment=comment)
    return _subscribed(left, json)


@_stripe.command("pause")
def _pause(
    email: Email,
    collection: Annotated[
        str | None,
        typer.Option(
            metavar="BEHAVIOR", help="Pause payments only: void, keep_as_draft or mark_uncollectible."
        ),
    ] = None,
    json: Json = False,
) -> Response:
    """Pause the subscription, or only its payments."""
    return _subscribed(_the_stripe().pause(email, collection=collection), json)


@_stripe.command("resume")
def _resume(email: Email, json: Json = False) -> Response:
    """Resume what was paused."""
    return _subscribed(_the_stripe().resume(email), json)


@_stripe.command("price")
def _price(
    email: Email,
    price: Annotated[str, typer.Argument(metavar="PRICE", help="An id or lookup key, or cents a month.")],
    proration: Annotated[
        str, typer.Option(metavar="BEHAVIOR", help="create_prorations, always_invoice or none.")
    ] = "create_prorations",
    json: Json = False,
) -> Response:
    """Change the price."""
    return _subscribed(_the_stripe().reprice(email, price, proration=proration), json)


@_stripe.command("coupon")
def _coupon(
    email: Email,
    coupon: Annotated[
        str | None, typer.Argument(metavar="COUPON", help="Its id, or percent off for good; default: none.")
    ] = None,
    json: Json = False,
) -> Response:
    """Give them a coupon, in place of any other."""
    return _subscribed(_the_stripe().set_coupon(email, coupon), json)


@_stripe.command("refund")
def _refund(
    email: Email,
    amount: Annotated[
        int | None, typer.Option(metavar="CENTS", min=1, help="A part of it; default: all.")
    ] = None,
    json: Json = False,
) -> Response:
    """Give the last payment back."""
    return _moved(_the_stripe().refund(email, amount), json)


@_stripe.command("dispute")
def _dispute(
    email: Email,
    reason: Annotated[
        str, typer.Option(metavar="WORD", help="fraudulent, product_not_received, …")
    ] = "fraudulent",
    close: Annotated[str | None, typer.Option(metavar="won|lost", help="Close the one that is open.")] = None,
    json: Json = False,
) -> Response:
    """Dispute the last payment at the bank."""
    return _moved(_the_stripe().dispute(email, reason=reason, close=close), json)


@_stripe.command("update-email")
def _update_email(
    old: Annotated[str, typer.Argument(metavar="OLD")],
    new: Annotated[str, typer.Argument(metavar="NEW")],
    json: Json = False,
) -> Response:
    """Change a customer's address in Stripe."""
    return _moved(_the_stripe().update_email(old, new), json)


@_stripe.command("events")
def _events(json: Json = False) -> Response:
    """List the events, oldest first, and how the webhook answered."""
    events = _the_stripe().events()
    content = {"events": [asdict(event) for event in events]}
    return Response(
        Answer([_line(event) for event in events] or ["no events"], content, "sandboxStripeEvents"), json
    )


@_stripe.command("resend")
def _resend(event: Annotated[str, typer.Argument(metavar="EVENT", help="Its id: evt_…")]) -> None:
    """Send an event once more."""
    _the_stripe().resend(event)


@_stripe.command("webhook")
def _webhook(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="On this machine's loopback; default: nowhere.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only these events; repeatable.")
    ] = None,
    roll: Annotated[bool, typer.Option("--roll", help="Print a new secret; for a day both sign.")] = False,
) -> Response:
    """Send the events there from now on."""
    stripe = _the_stripe()
    if roll:
        return Response(Told([stripe.roll_secret()]))
    stripe.set_webhook(url, types)
    return done(f"events go to {url}" if url else "events go nowhere")


@_stripe.command("clock", context_settings={"ignore_unknown_options": True})
def _clock(
    days: Annotated[str | None, typer.Argument(metavar="+DAYS", help="How many days pass.")] = None,
    json: Json = False,
) -> Response:
    """Show Stripe's clock, or move it on with all that comes due."""
    at = _the_stripe().clock(_number(days) if days else 0)
    lines = [f"{_moment(at.now)}, {at.ahead / 86400:g} days ahead"]
    return Response(Answer(lines, {"clock": asdict(at)}, "sandboxStripeClock"), json)


@_stripe.command("options")
def _options(
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Settings to change.")
    ] = None,
    json: Json = False,
) -> Response:
    """Show or change how events arrive and payments are retried.

    Among them are doubles, disorder, delay, hold, signature and api_version.
    """
    stripe = _the_stripe()
    if settings:
        stripe.set_options(**dict(_setting(text) for text in settings))
    options = stripe.options.model_dump()
    lines = [
        f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in options.items()
    ]
    return Response(Answer(lines, {"options": options}, "sandboxStripeOptions"), json)


@_stripe.command("keys")
def _keys(json: Json = False) -> Response:
    """Print the secret key and the webhook's secret."""
    keys = _the_stripe().keys
    return Response(Answer([keys.key, keys.webhook], asdict(keys), "sandboxStripeKeys"), json)


def _the_stripe() -> "SandboxStripe":
    sandbox = the_sandbox()
    return sandbox.live_stripe if _live.get() else sandbox.stripe


def _subscribed(view: "SubscriptionView", json: bool) -> Response:
    ending = f", ends {_moment(view.cancel_at)}" if view.cancel_at else ""
    line = f"{view.id}  {view.status}, paid until {_moment(view.period_end)}{ending}"
    return Response(Answer([line], {"subscription": asdict(view)}, "sandboxStripeSubscription"), json)


def _moved(view: "MoneyView", json: bool) -> Response:
    amount = f"{view.amount} {view.currency}" if view.amount is not None else None
    said = ", ".join(word for word in (view.status, amount, view.email) if word)
    content = {view.object: asdict(view)}
    return Response(Answer([f"{view.id}  {said}"], content, "sandboxStripeObject"), json)


def _line(event: "EventView") -> str:
    answers = " ".join(str(status) if status else "none" for status in event.answers)
    told = answers or ("waits" if event.pending else "-")
    return f"{_moment(event.created)}  {event.id}  {event.type}  {told}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError("move the clock", whom=text, cause="write the days as +31") from None


def _setting(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise InputError("change the settings", cause=f"{text!r} is not NAME=VALUE")
    return name, [part for part in value.split(",") if part] if name == "retry_days" else value


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
