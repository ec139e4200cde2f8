"""A customer's personal links to the manager bot, and whose they are.

Two links lead to the same end. One opens Telegram's dialog for a new bot at once; it carries no payload, so
it is known again by the username that it suggests, which nobody else is offered. The other opens the chat
with the manager bot, whose Start button then carries a code; it also serves those who chose another username.
"""

import hmac
import secrets
from typing import Literal
from urllib.parse import quote

from provisioner import timestamps
from provisioner.customers.parts.setup import Link
from provisioner.customers.record import Customer
from provisioner.messaging.telegram.usernames import bot_name, plain_username, suggested_username
from provisioner.services.telegram.updates import BotIdentity, Person

Refusal = Literal["expired", "used", "not theirs"]

_OPEN = ("pending_setup", "in_progress")


def new_link(manager: str, customer: Customer, hours: float) -> dict[str, object]:
    """The fields of a link that nobody has used."""
    return {
        "setup.messaging.link.code": secrets.token_urlsafe(24),
        "setup.messaging.link.manager": manager,
        "setup.messaging.link.suggested": suggested_username(customer.name),
        "setup.messaging.link.expiresAt": timestamps.in_hours(hours),
        "setup.messaging.link.usedAt": None,
    }


def start_url(link: Link) -> str:
    """Opens the manager bot's chat; its Start button carries the code."""
    return f"https://t.me/{link.manager}?start={link.code}"


def create_url(link: Link, customer: Customer) -> str:
    """Opens Telegram's dialog for a new bot with our suggestions."""
    return (
        f"https://t.me/newbot/{link.manager}/{link.suggested}?name={quote(bot_name(customer.name), safe='')}"
    )


def is_expired(link: Link, now: str) -> bool:
    """Whether it is too late at the moment `now` to begin with this link."""
    ends, moment = timestamps.moment(link.expires_at or ""), timestamps.moment(now)
    return ends is not None and moment is not None and moment > ends


def was_used(customer: Customer) -> bool:
    """Whether somebody has used the customer's link, or made the bot that it suggests."""
    link = customer.setup.messaging.link
    return link is not None and link.used_at is not None


def needs_link(customer: Customer) -> bool:
    """Whether the next run makes a link for a customer who makes their bot themselves."""
    messaging = customer.setup.messaging
    if messaging.bot_id:
        return False
    link = messaging.link
    return link is None or (not link.used_at and is_expired(link, timestamps.now()))


def wants_bot(customer: Customer) -> bool:
    """Whether this customer has a link over which their bot is still to be made."""
    messaging = customer.setup.messaging
    return customer.status in _OPEN and messaging.link is not None and not messaging.bot_id


def has_code(customer: Customer, code: str) -> bool:
    """Whether this is the code of the customer's link; takes as long for a wrong one as for a right one."""
    link = customer.setup.messaging.link
    return bool(link and link.code and hmac.compare_digest(link.code.encode(), code.encode()))


def refusal_of(customer: Customer, who: Person, now: str) -> Refusal | None:
    """Why this person may not use the customer's link at the moment `now`; None if they may, also again."""
    messaging = customer.setup.messaging
    link = messaging.link or Link()
    if link.used_at or messaging.user_id:
        if messaging.user_id == who.id:
            return None
        return "used" if link.used_at else "not theirs"
    if is_expired(link, now):
        return "expired"
    known = plain_username(messaging.username)
    return "not theirs" if known and known != plain_username(who.username) else None


def is_offered(customer: Customer, bot: BotIdentity) -> bool:
    """Whether the bot has the username that only this customer was offered."""
    link = customer.setup.messaging.link
    return bool(link and link.suggested and plain_username(link.suggested) == plain_username(bot.username))


def is_made_by(customer: Customer, who: Person) -> bool:
    """Whether this person is known to be the customer: by id, or else by the username that they gave us."""
    messaging = customer.setup.messaging
    if messaging.user_id:
        return messaging.user_id == who.id
    known = plain_username(messaging.username)
    return bool(known) and known == plain_username(who.username)
