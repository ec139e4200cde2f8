"""Bots' tokens: whose they are, and that no two customers share a bot."""

import re
from collections.abc import Iterable, Iterator

from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore, customers_having
from provisioner.errors import InputError, SettingsError
from provisioner.services.telegram.client import TelegramBot, TelegramBusy
from provisioner.services.telegram.updates import BotIdentity
from provisioner.settings import Settings

_DOING = "use the bot's token"
_TOKEN = re.compile(r"[1-9][0-9]{4,15}:[A-Za-z0-9_-]{30,64}")


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


def stated_token(text: str) -> str:
    """A bot's token without blanks around it. InputError, without the token, if no bot can have it."""
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise InputError(
            _DOING,
            cause="it does not look like one: digits, a colon, and about 35 letters, digits, - and _",
            hint="copy the whole line that @BotFather shows after “Use this token”",
        )
    return token


def check_token(store: CustomerStore, settings: Settings, who: str, token: str) -> BotIdentity | None:
    """As `checked_identity`, for a token that is about to be entered; None if Telegram does not answer.

    That the bot is another customer's is seen without Telegram too.
    """
    customer = store.read(who).customer
    bot_id = token.partition(":")[0]
    others = [other for other in customers_having(store, "bot", bot_id) if other.id != customer.id]
    refuse_shared(bot_id, customer, others)
    manager = settings.telegram_manager_token
    bot = TelegramBot(token, settings.telegram_api_root, patience=0)
    try:
        return checked_identity(bot, customer, others, manager.get_secret_value() if manager else None)
    except TelegramBusy:
        return None


def refuse_shared(bot_id: str, customer: Customer, others: Iterable[Customer]) -> None:
    """InputError if another customer has this bot."""
    for other in holders_of(bot_id, others):
        raise InputError(
            _DOING,
            whom=customer.email,
            cause=f"it is the token of the bot of {other.email}",
            hint="make a bot for this customer with @BotFather, and use its token",
        )


def holders_of(bot_id: str, customers: Iterable[Customer]) -> Iterator[Customer]:
    """Those who have this bot; one whose server is gone has not."""
    for customer in customers:
        if customer.status != "cancelled" and bot_id in (
            customer.setup.messaging.bot_id,
            _bot_id_of(customer),
        ):
            yield customer


def demand_manager(bot: BotIdentity) -> None:
    """SettingsError if the bot over which customers make theirs may not make others."""
    if not bot.can_manage:
        raise SettingsError(
            "make customers' bots",
            whom=f"@{bot.username}",
            cause="it may not manage other bots",
            hint="turn on its Bot Management Mode in @BotFather, or unset TELEGRAM_MANAGER_TOKEN",
        )


def _bot_id_of(customer: Customer) -> str:
    """A token begins with its bot's id."""
    return (customer.setup.messaging.bot_token or "").partition(":")[0]
