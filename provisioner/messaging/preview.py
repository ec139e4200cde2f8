"""An e-mail that the operator looks at before the run sends it, or sends by hand."""

from collections.abc import Callable, Mapping

from provisioner.customers.leaving import is_leaving
from provisioner.customers.lifecycle import has_left
from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.customers.unpaid import is_unpaid
from provisioner.errors import InputError, SettingsError
from provisioner.messaging.emails import EMAILS, Emails, known_email, particulars
from provisioner.messaging.registry import channel_of
from provisioner.printable import command
from provisioner.services.mail import Email
from provisioner.settings import Settings
from provisioner.step import Work

_ENDS = {"handover": "handed_over", "cancelled": "cancelled"}


def _unless(true: bool, why: str) -> str:
    return "" if true else why


_LATER: Mapping[str, Callable[[Customer], str]] = {
    "staying": lambda one: _unless(not is_leaving(one) and not has_left(one.status), "they are leaving"),
    "payment_reminder": lambda one: _unless(is_unpaid(one), "all is paid"),
    "paused": lambda one: _unless(is_paused(one), "their assistant is not paused"),
    "resumed": lambda one: _unless(not is_paused(one), "their assistant is paused"),
}
"""Why an e-mail to who is a customer already would not be true; empty if it is."""


def demand_email(name: str, doing: str) -> None:
    """InputError if there is no such e-mail."""
    if name not in EMAILS:
        raise InputError(doing, cause=f"there is no {name}", hint=f"one of {', '.join(EMAILS)}")


def shown(customer: Customer, settings: Settings) -> tuple[dict[str, object], bool]:
    """What an e-mail says when the next run sends it, and whether its links are made; looking makes none."""
    of_channel, is_made = channel_of(customer).emails.preview(settings, customer)
    return {**particulars(customer), **of_channel}, is_made


def send_by_hand(work: Work, name: str, *, again: bool = False) -> Email | None:
    """Send an e-mail now, with the personal link that it needs; None if it went to this address before.

    `again` sends it all the same. One of which it is not known whether it was sent is sent. InputError for a
    e-mail that would not be true; MailError as `Emails.send_now`.
    """
    demand_email(name, "send the e-mail")
    _demand_mail(work.settings)
    _demand_truth(name, work.customer)
    known = known_email(work.customer, name)
    if known is not None and known.sent_at and not again:
        return None
    channel = channel_of(work.customer)
    if name in ("contact", "reminder"):
        channel.emails.prepare(work)
    return Emails(work, channel.emails.variables).send_now(name, name)


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
    """What the e-mail says that is not so; empty if it may be sent."""
    if name in _LATER:
        return _LATER[name](customer)
    if name in _ENDS:
        wanted = _ENDS[name]
        return "" if customer.status == wanted else f"the status is {customer.status}, not {wanted}"
    if has_left(customer.status):
        return f"the status is {customer.status}"
    if name != "ready" and customer.setup.status == "complete":
        return "the setup is complete"
    return channel_of(customer).emails.untrue(name, customer)
