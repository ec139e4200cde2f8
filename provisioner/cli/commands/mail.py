"""`mail preview` prints an e-mail as the customer gets it; `mail send` sends it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli.context import current_workspace
from provisioner.cli.options import Json, Who
from provisioner.cli.output import render
from provisioner.cli.output.result import Answer, Block, Response, Verbatim
from provisioner.errors import InputError
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.record import Customer
    from provisioner.runs.work import CustomerWork
    from provisioner.services.mail import Email

_Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="contact, ready, reminder, handover, leaving, cancelled, staying, payment_reminder, paused or "
        "resumed.",
    ),
]

_mail = typer.Typer(
    help="Print or send the e-mails to a customer.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(_mail, name="mail")


@_mail.command("preview")
def preview(
    name: _Name,
    who: Who,
    html: Annotated[bool, typer.Option("--html", help="The HTML, for a browser.")] = False,
    as_json: Json = False,
) -> Response:
    """Print an e-mail as this customer would get it now.

    Nothing is sent. It contains their personal link, if one exists.
    """
    from provisioner.messaging.preview import demand_email

    demand_email(name, "preview the e-mail")
    customer = current_workspace().store().read(who).customer
    message, is_made = _composed(name, customer)
    if not is_made:
        render.say(
            "The links in it are not made yet: provision makes them as it begins, and sends this e-mail."
        )
    shown: list[Block] = [Verbatim(message.html)]
    if not html:
        shown = [f"To: {customer.email}", f"Subject: {message.subject}", "", Verbatim(message.text)]
    content = {**_document(name, customer, message), "linksMade": is_made}
    return Response(Answer(shown, content, "mail"), as_json)


@_mail.command("send")
def send(
    name: _Name,
    who: Who,
    again: Annotated[bool, typer.Option("--again", help="Even if it went to this address before.")] = False,
    as_json: Json = False,
) -> Response | None:
    """Send a customer an e-mail now, for example to a new address.

    An e-mail that already went to this address is not sent again. A personal link is created first if the
    e-mail needs one.
    """
    from provisioner.messaging.preview import send_by_hand

    store = current_workspace().store()
    found = store.find(who)
    email = found.record.customer.email
    if found.archived:
        hint = command("restore", email)
        raise InputError("send the e-mail", whom=email, cause="the record is archived", hint=hint)
    with store.claim(who, doing=f"send an e-mail to {email}"), _work_on(who) as work:
        message = send_by_hand(work, name, again=again)
        _say_what_was_sent(name, work.customer, message)
        if not as_json:
            return None
        shown = message or _composed(name, work.customer)[0]
        content = {**_document(name, work.customer, shown), "sent": message is not None}
        return Response(Answer((), content, "mail"), as_json=True)


@contextmanager
def _work_on(who: str) -> "Iterator[CustomerWork]":
    from provisioner.runs.work import CustomerWork
    from provisioner.services.factory import Services
    from provisioner.settings import load_settings

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    record = workspace.store().read(who)
    with closing(CustomerWork(workspace, settings, Services(settings), record)) as work:
        work.tell(render.say)
        yield work


def _say_what_was_sent(name: str, customer: "Customer", message: "Email | None") -> None:
    from provisioner.messaging.emails import known_email

    if message is not None:
        render.say(f"Sent “{message.subject}” to {customer.email}.")
        return
    known = known_email(customer, name)
    assert known is not None, "that is why nothing was sent"
    render.say(f"{name} went to {customer.email} at {known.sent_at}; nothing was sent. To send it once more:")
    render.say(f"  {command('mail', 'send', name, customer.email, options='--again')}")


def _composed(name: str, customer: "Customer") -> "tuple[Email, bool]":
    """The e-mail as it would be sent now, and whether its links are made."""
    from provisioner.messaging.emails import compose
    from provisioner.messaging.preview import shown
    from provisioner.settings import load_settings
    from provisioner.templates import render_text

    workspace = current_workspace()
    settings = load_settings(workspace.root)
    variables, is_made = shown(customer, settings)
    known = settings.known_to_texts()
    known["operator_contact"] = known["operator_contact"] or "([operator] contact, which is not set)"
    words = render_text(f"{name}.mail", {**known, **variables}, workspace.root / "texts")
    return compose(words), is_made


def _document(name: str, customer: "Customer", message: "Email") -> dict[str, Any]:
    return {
        "name": name,
        "to": customer.email,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
    }
