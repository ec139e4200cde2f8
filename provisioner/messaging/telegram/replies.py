"""What the manager bot says: a template for each state that a customer can be in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from provisioner.customers.record import Customer
from provisioner.messaging.names import spoken_name
from provisioner.messaging.telegram.links import create_url, wants_bot
from provisioner.messaging.telegram.usernames import bot_name, suggested_username
from provisioner.services.telegram.updates import BotButton, Keyboard, NoButtons, Person

Text = Callable[[str, Mapping[str, object]], str]

CREATE_LABEL = "Create my assistant"


@dataclass(frozen=True)
class Reply:
    """One message of the manager bot."""

    to: str
    text: str
    keyboard: Keyboard


def about(customer: Customer, template: str, text: Text) -> Reply | None:
    """This text with the customer's particulars; None for a customer who is not known to the bot."""
    messaging = customer.setup.messaging
    if not messaging.user_id:
        return None
    words = text(template, _particulars(customer))
    keyboard = _create_button(customer) if template == "manager-create.txt" else NoButtons()
    return Reply(messaging.user_id, words, keyboard)


def where_they_are(customer: Customer, text: Text) -> Reply:
    """What a customer has to do next, for one who has written or pressed Start."""
    reply = about(customer, _next_template(customer), text)
    assert reply is not None, "they are known by their id"
    return reply


def to_stranger(who: Person, why: str, text: Text) -> Reply:
    """For somebody who may not use the link that they opened, or opened none: "unknown"."""
    return Reply(who.id, text("manager-stranger.txt", {"why": why}), NoButtons())


def _next_template(customer: Customer) -> str:
    if wants_bot(customer):
        return "manager-create.txt"
    if not customer.setup.messaging.bot_id:
        return "manager-other.txt"
    return "manager-done.txt" if customer.setup.status == "complete" else "manager-bot.txt"


def _particulars(customer: Customer) -> dict[str, object]:
    messaging = customer.setup.messaging
    link = messaging.link
    return {
        "first_name": spoken_name(customer.name),
        "bot_username": messaging.bot_username or "",
        "bot_link": f"t.me/{messaging.bot_username}",
        "create_label": CREATE_LABEL,
        "create_link": create_url(link, customer) if link and link.suggested else "",
    }


def _create_button(customer: Customer) -> BotButton:
    link = customer.setup.messaging.link
    suggested = link.suggested if link and link.suggested else suggested_username(customer.name)
    return BotButton(CREATE_LABEL, bot_name(customer.name), suggested)
