"""An e-mail that the operator looks at before the run sends it, or sends by hand."""

from provisioner import timestamps
from provisioner.customers.lifecycle import is_gone
from provisioner.customers.record import Customer
from provisioner.errors import InputError, SettingsError
from provisioner.messaging.emails import LETTERS, known_letter, particulars
from provisioner.messaging.telegram.bot_sources import ManagedBot, way_of
from provisioner.messaging.telegram.links import email_variables, emails_to, needs_link
from provisioner.printable import command
from provisioner.services.mail import Letter
from provisioner.settings import Settings
from provisioner.step import Work

NO_LINK_YET = "https://t.me/THIS-IS-NO-LINK-YET"
"""Stands in a preview for what the run has yet to make."""
_ENDS = {"handover": "handed_over", "cancelled": "cancelled"}


def demand_letter(name: str, doing: str) -> None:
    """InputError if there is no such letter."""
    if name not in LETTERS:
        raise InputError(doing, cause=f"there is no {name}", hint=f"one of {', '.join(LETTERS)}")


def shown(customer: Customer, settings: Settings) -> tuple[dict[str, object], bool]:
    """What a letter says when the next run sends it, and whether its links are made.

    Looking makes none: in the place of those that the run has yet to make stands what nobody takes for one.
    """
    said = {**particulars(customer), **email_variables(customer)}
    if not (needs_link(customer) and isinstance(way_of(settings, customer), ManagedBot)):
        return said, True
    expires = timestamps.in_hours(settings.messaging.link_hours)[:10]
    return {**said, "create_link": NO_LINK_YET, "start_link": NO_LINK_YET, "expires": expires}, False


def send_by_hand(work: Work, name: str, *, again: bool = False) -> Letter | None:
    """Send a letter now, with the personal link that it needs; None if it went to this address before.

    `again` sends it all the same. One of which it is not known whether it was sent is sent. InputError for a
    letter that would not be true; MailError as `Emails.send_now`.
    """
    demand_letter(name, "send the e-mail")
    _demand_mail(work.settings)
    _demand_truth(name, work.customer)
    known = known_letter(work.customer, name)
    if known is not None and known.sent_at and not again:
        return None
    if name in ("contact", "reminder"):
        way_of(work.settings, work.customer).prepare(work)
    return emails_to(work).send_now(name, name)


def _demand_mail(settings: Settings) -> None:
    missing = settings.missing_for_customers()
    if settings.smtp_url is None:
        missing.append("set SMTP_URL=smtp://user:password@host:587 in the environment or in .env")
    if missing:
        raise SettingsError("send the e-mail", cause="something is missing", hint="\n".join(missing))


def _demand_truth(name: str, customer: Customer) -> None:
    untrue = _why_untrue(name, customer)
    if untrue:
        preview = command("mail", "preview", name, customer.email)
        hint = f"what it says: {preview}"
        raise InputError(f"send the e-mail “{name}”", whom=customer.email, cause=untrue, hint=hint)


def _why_untrue(name: str, customer: Customer) -> str:
    """What the letter says that is not so; empty if it may be sent."""
    messaging = customer.setup.messaging
    if name in _ENDS:
        wanted = _ENDS[name]
        return "" if customer.status == wanted else f"the status is {customer.status}, not {wanted}"
    if is_gone(customer.status):
        return f"the status is {customer.status}"
    if name == "ready":
        is_there = customer.setup.moltbot.installed and messaging.bot_username
        return "" if is_there else "their server and bot are not ready yet"
    if customer.setup.status == "complete":
        return "the setup is complete"
    if name == "contact" and messaging.bot_id and messaging.managed:
        return f"they have made their bot already: @{messaging.bot_username}"
    return ""
