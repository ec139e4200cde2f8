"""The e-mails to a customer: each reason once to each address, noted in the record before and after.

One that was noted and not sent may have gone out before a crash: it is not sent again. A customer whose
address was corrected gets at the new one what they still need.
"""

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any

from provisioner import timestamps
from provisioner.customers.addresses import fold
from provisioner.customers.parts.departure import Leaving
from provisioner.customers.parts.setup import SentEmail
from provisioner.customers.record import Customer
from provisioner.customers.unpaid import is_unpaid
from provisioner.errors import InputError, MailError
from provisioner.messaging.names import spoken_name
from provisioner.services.mail import Email, MailUncertain
from provisioner.step import Work
from provisioner.templates import render_text

EMAILS = (
    "contact",
    "ready",
    "reminder",
    "handover",
    "leaving",
    "cancelled",
    "staying",
    "payment_reminder",
    "paused",
    "resumed",
)
_TOLD_BY = {"contact": "contact", "start": "ready"}
"""Which e-mail told the customer what they are reminded of."""

_LABELLED = re.compile(r"(?P<label>[^\n]{1,80}): (?P<link>https://\S+)")


def compose(words: str) -> Email:
    """The e-mail that a rendered template says.

    Its first line is "Subject: …". Paragraphs are separated by empty lines; one that is "label: https://…"
    is a button in the HTML. Everything else in it is text, in which web and e-mail addresses are links.
    """
    first, _, rest = words.partition("\n")
    if not first.startswith("Subject: "):
        raise InputError("write an e-mail", cause="the template does not begin with a line “Subject: …”")
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", rest.strip())]
    text = "\n\n".join(paragraphs) + "\n"
    html = render_text("email.html", {"paragraphs": [_paragraph(part) for part in paragraphs]})
    return Email(" ".join(first.removeprefix("Subject: ").split()), text, f"{html}\n")


@dataclass(frozen=True)
class Emails:
    """The e-mails to one customer; `of_channel` gives what they say about the customer's channel."""

    work: Work
    of_channel: Callable[[Customer], Mapping[str, object]]

    def compose(self, name: str) -> Email:
        """The e-mail `name` for this customer, in the operator's words where they have changed it."""
        customer = self.work.customer
        variables = {**particulars(customer), **self.of_channel(customer)}
        return compose(self.work.text(f"{name}.mail", variables))

    def send(self, name: str, reason: str | None = None) -> bool:
        """Send the e-mail `name`, unless one went there for this reason; whether it is known to be sent.

        What goes wrong is said and does not stop the setup: an e-mail that certainly was not sent is tried
        again by the next run.
        """
        reason = reason or name
        known = known_email(self.work.customer, reason)
        if known is not None:
            return known.sent_at is not None
        if self.work.services.mail is None:
            return False
        try:
            self.send_now(name, reason)
        except MailUncertain as problem:
            self.work.say(f"{problem.summary}; it is not sent again")
            return False
        except MailError as problem:
            self.work.say(problem.summary)
            return False
        return True

    def send_now(self, name: str, reason: str) -> Email:
        """Send the e-mail whatever went out before, and note it; there has to be a mail server.

        MailError if it certainly was not sent, which is then as if it had not been begun; MailUncertain if
        it may have been.
        """
        work, mailer, to = self.work, self.work.services.mail, self.work.customer.email
        assert mailer is not None, "whoever asks has looked before"
        email = self.compose(name)
        elsewhere = _sent_elsewhere(work.customer, reason)
        begun = {"reason": reason, "to": to, "begunAt": timestamps.now()}
        before = [_document(one) for one in work.customer.setup.emails]
        work.write({"setup.emails": _emails_with(work.customer, begun, reason)})
        try:
            mailer.send(to, email)
        except MailUncertain:
            raise
        except MailError:
            work.write({"setup.emails": before})
            raise
        sent = _emails_with(work.customer, {**begun, "sentAt": timestamps.now()}, reason)
        earlier = f" (an earlier one went to {elsewhere})" if elsewhere else ""
        work.record(f"{name}_sent", f"E-mail to {to}: {email.subject}{earlier}", {"setup.emails": sent})
        return email

    def remind(self, of_what: str) -> None:
        """Remind a customer who has been waited for since long, once for each time that the settings name.

        They are given that time from the e-mail that told them, which may be newer than the wait.
        """
        waiting = self.work.customer.setup.waiting
        if waiting is None or not waiting.since:
            return
        told = known_email(self.work.customer, _TOLD_BY[of_what])
        since = [moment for moment in (waiting.since, told and told.sent_at) if moment]
        waited = min(timestamps.hours_since(moment) for moment in since)
        due = [hours for hours in self.work.settings.messaging.reminder_hours if hours <= waited]
        if due:
            self.send("reminder", f"reminder of {of_what} after {max(due):g} h")

    def forget(self, *reasons: str) -> None:
        """As if nothing had gone out for these reasons, or those that begin with them."""
        kept = without(self.work.customer, *reasons)
        if len(kept) < len(self.work.customer.setup.emails):
            self.work.write({"setup.emails": kept})


def particulars(customer: Customer) -> dict[str, object]:
    """What an e-mail may say about any customer; what is not known is empty."""
    leaving = customer.leaving
    return {
        "first_name": spoken_name(customer.name),
        "server_address": customer.setup.droplet.ip or "",
        "ends_on": leaving.stop_at[:10] if leaving else "",
        "kept_until": _kept_until(leaving) if leaving else "",
        "is_unpaid": is_unpaid(customer),
        "stands_still": customer.handover is not None and not customer.handover.own_model_key,
        "model_key_file": (customer.handover and customer.handover.model_key_file) or "",
    }


def _kept_until(leaving: Leaving) -> str:
    """The day until which their assistant can come back as it was; empty if it cannot."""
    return (leaving.destroy_at or "")[:10] if leaving.grace_days else ""


def without(customer: Customer, *reasons: str) -> list[dict[str, Any]]:
    """The field `setup.emails` without those for these reasons, or for those that begin with them."""
    return [_document(one) for one in customer.setup.emails if not one.reason.startswith(reasons)]


def known_email(customer: Customer, reason: str) -> SentEmail | None:
    """What was noted of an e-mail for this reason to the customer's address of today."""
    return next(
        (one for one in customer.setup.emails if one.reason == reason and _is_to(one, customer)), None
    )


def was_sent(customer: Customer, reason: str) -> bool:
    """Whether an e-mail for this reason is known to be sent to the customer's address of today."""
    known = known_email(customer, reason)
    return known is not None and known.sent_at is not None


def was_told(customer: Customer, *reasons: str) -> bool:
    """Whether an e-mail for one of these reasons went to the customer's address, or may have."""
    return any(known_email(customer, reason) is not None for reason in reasons)


def uncertain(customer: Customer, needless: Container[str] = ()) -> list[str]:
    """The e-mails that may not have gone out, and that the customer still needs; each once.

    `needless` are the names of those that the customer does not need any more, of whatever channel.
    """
    if customer.setup.status == "complete":
        return []
    begun = [one for one in customer.setup.emails if one.sent_at is None and _is_to(one, customer)]
    names = (one.reason.split()[0] for one in begun)
    return [name for name in dict.fromkeys(names) if name not in needless]


def _is_to(email: SentEmail, customer: Customer) -> bool:
    """Older records do not say where an e-mail went: it is taken for the address that the customer has."""
    return email.to is None or fold(email.to) == fold(customer.email)


def _sent_elsewhere(customer: Customer, reason: str) -> str | None:
    """The address to which the last e-mail for this reason went, if that is not the customer's any more."""
    others = [one for one in customer.setup.emails if one.reason == reason and not _is_to(one, customer)]
    return others[-1].to if others else None


def _emails_with(customer: Customer, email: Mapping[str, str], reason: str) -> list[Mapping[str, Any]]:
    """The field `setup.emails` with this email in the place of the one for its reason and address."""
    noted = customer.setup.emails
    others = [_document(one) for one in noted if one.reason != reason or not _is_to(one, customer)]
    return [*others, email]


def _document(email: SentEmail) -> dict[str, Any]:
    document: dict[str, Any] = email.model_dump(by_alias=True, exclude_none=True)
    return document


def _paragraph(text: str) -> dict[str, str]:
    """A paragraph as the HTML template takes it: a button, or text."""
    labelled = _LABELLED.fullmatch(text)
    return labelled.groupdict() if labelled else {"text": text}
