"""What the e-mails say about a customer's bot, and about the link over which they make it."""

from provisioner.customers.record import Customer
from provisioner.messaging.emails import Emails
from provisioner.messaging.telegram.links import create_url, start_url
from provisioner.step import Work


def variables_of(customer: Customer) -> dict[str, object]:
    """What is known now; what is not known is empty."""
    messaging = customer.setup.messaging
    link = messaging.link if not messaging.bot_id else None
    username = messaging.bot_username or ""
    return {
        "create_link": create_url(link, customer) if link and link.suggested else "",
        "start_link": start_url(link) if link and link.code else "",
        "expires": (link.expires_at or "")[:10] if link else "",
        "bot_username": username,
        "bot_link": f"https://t.me/{username}" if username else "",
    }


def emails_to(work: Work) -> Emails:
    """The e-mails to this customer, with what they say about the bot."""
    return Emails(work, variables_of)
