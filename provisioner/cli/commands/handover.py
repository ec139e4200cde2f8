"""`handover`: a server becomes its customer's own, and nothing of ours opens it any more."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.commands.provision import OptionalPatience, RunOptions, Wait
from provisioner.cli.context import current_workspace
from provisioner.cli.options import Who
from provisioner.cli.output import render
from provisioner.cli.output.result import Response
from provisioner.cli.running import Json, run_shown
from provisioner.errors import InputError
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.handing_over import HandoverWish
    from provisioner.customers.record import Customer
    from provisioner.settings import Settings

_DOING = "hand the server over"
_LARGEST = 100_000


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(cls=OptionalPatience)(handover)


def handover(
    who: Who,
    ssh_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The customer's public key; or their private one, which is tried and not kept.",
        ),
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The customer's own key for the model; else the assistant stops."),
    ] = None,
    by_word: Annotated[
        bool, typer.Option("--by-word", help="They say that they have logged in with their key.")
    ] = False,
    yes: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="The address once more, instead of being asked.")
    ] = None,
    wait: Wait = None,
    as_json: Json = False,
) -> Response:
    """Make a customer's server their own.

    Their key gets in and is seen to work; every token is replaced and the old one seen to be refused; what is
    ours is removed there, what is theirs here; at last our own key. It cannot be undone. The report says how
    each was proven. The droplet stays on this account: docs/handover.md.

    Run it again at any time to go on, or to see the report. Exit codes as for provision.
    """
    from provisioner.cli.output.handover import HandoverResult
    from provisioner.runs.handing_over import ask_to_hand_over
    from provisioner.runs.workflow import HANDOVER
    from provisioner.settings import load_settings

    workspace, options = current_workspace(), RunOptions(1, None, wait)
    store = workspace.store()
    customer = store.read(who).customer
    wish = _wish(ssh_key, api_key_file, by_word, load_settings(workspace.root))
    if customer.handover is None:
        _demand_meant(customer, wish, yes)
    email = ask_to_hand_over(store, who, wish).email
    results = run_shown(workspace, [email], HANDOVER, as_json=as_json, patience=options.patience)
    return Response(HandoverResult(results), as_json)


def _wish(
    ssh_key: Path | None, api_key_file: Path | None, by_word: bool, settings: "Settings"
) -> "HandoverWish":
    """What is asked for, of files that have what they should; InputError."""
    from provisioner.actor import actor
    from provisioner.customers.handing_over import HandoverWish

    public, is_private = _stated(ssh_key, settings) if ssh_key else (None, False)
    key_file = str(ssh_key.expanduser().absolute()) if ssh_key and is_private else None
    return HandoverWish(actor(), public, key_file, by_word, _api_key(api_key_file, settings))


def _stated(path: Path, settings: "Settings") -> tuple[str, bool]:
    from provisioner.ssh.keys import operator_key, stated_key

    try:
        public, is_private = stated_key(_text(path))
    except ValueError as problem:
        raise InputError(_DOING, cause=f"{path} {problem}", hint="the .pub file of their key") from None
    if public == operator_key(settings.ssh.key).public:
        raise InputError(_DOING, cause=f"{path} is our own key", hint="the .pub file of the customer's key")
    return public, is_private


def _api_key(path: Path | None, settings: "Settings") -> str | None:
    """The customer's key for the model; of the provider for which the servers are configured."""
    if path is None:
        return None
    words = _text(path).split()
    ours = settings.anthropic_key
    if len(words) != 1 or not words[0].isascii():
        raise InputError(_DOING, cause=f"{path} has to hold the key for the model, and nothing else")
    if ours is not None and words[0] == ours.get_secret_value():
        hint = "a key that the customer has made in an account of their own"
        raise InputError(_DOING, cause=f"{path} holds our own key", hint=hint)
    return words[0]


def _text(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            return file.read(_LARGEST).decode("ascii")
    except (OSError, UnicodeError) as problem:
        raise InputError(_DOING, whom=str(path), cause=problem) from None


def _demand_meant(customer: "Customer", wish: "HandoverWish", yes: str | None) -> None:
    """InputError unless the address is typed once more; what else is wrong is said first."""
    from datetime import UTC, datetime

    from provisioner.customers.handing_over import asked_to_hand_over
    from provisioner.customers.rules import is_meant

    asked_to_hand_over(customer, wish, datetime.now(UTC))
    model = "goes on with their own key for the model" if wish.api_key else "stands still without a model key"
    what = f"{customer.email}: the server {customer.setup.droplet.ip} becomes theirs, for good; it {model}"
    again = command("handover", customer.email, options=f"… --yes {customer.email}")
    if yes is None and not sys.stdin.isatty():
        raise InputError(_DOING, whom=customer.email, cause="nobody has confirmed it", hint=f"do it: {again}")
    if yes is None:
        render.say(what)
        yes = typer.prompt("Type their address to hand it over", err=True)
    if "@" not in yes or not is_meant(customer.id, customer.email, yes):
        raise InputError(_DOING, whom=customer.email, cause=f"{yes} is not the address: nothing was done")
