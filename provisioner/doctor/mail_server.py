"""Checks the login at the mail server; nothing is sent."""

from provisioner.doctor.findings import ANSWER_SECONDS, Findings
from provisioner.errors import InputError, MailError
from provisioner.services.factory import Services
from provisioner.settings import Settings


def look_at_mail_server(settings: Settings, found: Findings) -> None:
    """At the one that is set; without one the operator writes to customers by hand."""
    if settings.smtp_url is None:
        return
    found.looked.append("mail server")
    try:
        mailer = Services(settings).mail
        assert mailer is not None, "its address is set"
        mailer.probe(ANSWER_SECONDS)
    except InputError as error:
        found.note("settings", "SMTP_URL", str(error.cause), error.hint or "")
    except MailError as error:
        found.note("mail", "SMTP_URL", str(error.cause), error.hint or "ask whoever runs the mail server")
