"""`mail preview`: the e-mails as customers get them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioner.cli import render
from provisioner.cli.context import current_workspace
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.customers.record import Record
    from provisioner.services.mail import Letter

_mail = typer.Typer(help="The e-mails to customers.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(_mail, name="mail")
    # A group of one command would otherwise be that command itself.
    _mail.callback()(lambda: None)


@_mail.command("preview")
def preview(
    name: Annotated[str, typer.Argument(help="contact, ready, reminder, handover or cancelled.")],
    who: Annotated[
        str, typer.Argument(metavar="EMAIL", help="The customer's address, or their id (cust_…).")
    ],
    html: Annotated[bool, typer.Option("--html", help="The HTML, for a browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Print an e-mail as this customer would get it; nothing is sent.

    Their personal link is in it.
    """
    from provisioner.messaging.letters import LETTERS

    if name not in LETTERS:
        raise InputError(
            "preview the e-mail", cause=f"there is no {name}", hint=f"one of {', '.join(LETTERS)}"
        )
    record = current_workspace().store().read(who)
    letter = _letter(name, record)
    if as_json:
        render.print_json("mail", **_document(name, record, letter))
    elif html:
        render.print_text(letter.html)
    else:
        render.print_line(f"To: {record.customer.email}")
        render.print_line(f"Subject: {letter.subject}")
        render.print_line()
        render.print_text(letter.text)


def _letter(name: str, record: "Record") -> "Letter":
    from provisioner.messaging.letters import compose, particulars
    from provisioner.settings import load_settings
    from provisioner.texts import render_text

    workspace = current_workspace()
    operator = load_settings(workspace.root).operator
    known = {"operator_name": operator.name, "operator_contact": operator.contact}
    variables = {**known, **particulars(record.customer)}
    return compose(render_text(f"{name}.mail", variables, workspace.root / "texts"))


def _document(name: str, record: "Record", letter: "Letter") -> dict[str, Any]:
    return {
        "name": name,
        "to": record.customer.email,
        "subject": letter.subject,
        "text": letter.text,
        "html": letter.html,
    }
