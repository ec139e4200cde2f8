"""Bots' tokens: whose they are, and that no two customers share a bot."""

from collections.abc import Iterable

from provisioner.customers.record import Customer
from provisioner.errors import InputError
from provisioner.services.telegram import TelegramBot
from provisioner.services.telegram_updates import BotIdentity

_DOING = "use the bot's token"


def checked_identity(
    bot: TelegramBot, customer: Customer, others: Iterable[Customer], manager_token: str | None
) -> BotIdentity:
    """Who the customer's bot is, by Telegram.

    BotTokenRefused if the token is no good, InputError if the bot is another customer's or the one over
    which customers make theirs: two gateways on one bot take each other's messages away.
    """
    identity = bot.identity()
    refuse_shared(identity.id, customer, others)
    if manager_token and manager_token.partition(":")[0] == identity.id:
        raise InputError(
            _DOING,
            whom=customer.email,
            cause=f"@{identity.username} is the bot of TELEGRAM_MANAGER_TOKEN, which makes customers' bots",
            hint="make a bot for this customer with @BotFather",
        )
    return identity


def refuse_shared(bot_id: str, customer: Customer, others: Iterable[Customer]) -> None:
    """InputError if another customer has this bot; one whose server is gone has not."""
    for other in others:
        if other.status != "cancelled" and bot_id in (other.setup.messaging.bot_id, _bot_id_of(other)):
            raise InputError(
                _DOING,
                whom=customer.email,
                cause=f"it is the token of the bot of {other.email}",
                hint="make a bot for this customer with @BotFather, and use its token",
            )


def _bot_id_of(customer: Customer) -> str:
    """A token begins with its bot's id."""
    return (customer.setup.messaging.bot_token or "").partition(":")[0]
