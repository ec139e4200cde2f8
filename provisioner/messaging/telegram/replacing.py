"""Another token in the place of a bot's: at Telegram, on the server, and at last in the record.

The record keeps the old one until the new one is seen to work and the old one to be refused. Killed anywhere
in between, the same goes on: Telegram itself knows the token of a bot that was made over ours.
"""

from collections.abc import Mapping

from provisioner.errors import InputError, TelegramError
from provisioner.messaging.telegram.connecting import configure
from provisioner.messaging.telegram.manager import manager_of
from provisioner.printable import command
from provisioner.services.telegram.client import BotTokenRefused
from provisioner.step import Waiting, Work

_DOING = "replace the bot's token"
_NEW_TOKEN = "new token"
"""The kind of waiting for a token that only a person can have replaced."""


def replace_token(work: Work, old: str, then: Mapping[str, object]) -> Waiting | None:
    """As `Channel.replace_credential`."""
    new = _managed_replacement(work, old) if work.customer.setup.messaging.managed else _given(work, old)
    if new is None:
        return _to_be_revoked(work)
    _demand_same_bot(work, new)
    work.say("giving the assistant its bot's new token")
    configure(work, token=new)
    _demand_refused(work, old)
    messaging = work.customer.setup.messaging
    work.record(
        "bot_token_replaced",
        f"@{messaging.bot_username} has another token; Telegram refuses the old one",
        {**then, "setup.messaging.botToken": new},
    )
    return None


def _managed_replacement(work: Work, old: str) -> str:
    """The token after `old`; one that was asked for in a run that was killed is not asked for again."""
    manager, bot_id = manager_of(work), work.customer.setup.messaging.bot_id
    assert bot_id, "a bot that was made over ours has an id"
    work.say("having Telegram replace the bot's token")
    if manager.token_of(bot_id) == old:
        manager.replace_token(bot_id)
    return manager.token_of(bot_id)


def _given(work: Work, old: str) -> str | None:
    token = work.refresh().setup.messaging.bot_token
    return None if token == old else token


def _to_be_revoked(work: Work) -> Waiting:
    customer = work.customer
    update = command("update", customer.email, "setup.messaging.botToken", "-")
    bot = f"@{customer.setup.messaging.bot_username or 'their bot'}"
    to_do = f"to revoke the token of {bot} with @BotFather (/revoke), then: {update}"
    return Waiting("whoever made the bot", to_do, _NEW_TOKEN)


def _demand_same_bot(work: Work, token: str) -> None:
    """BotTokenRefused for a token that is no good; InputError for another bot's."""
    bot, recorded = work.services.telegram(token).identity(), work.customer.setup.messaging.bot_id
    if recorded not in (None, bot.id):
        cause = f"the new one is of another bot, @{bot.username}"
        hint = "enter the token that @BotFather shows for the customer's bot after /revoke"
        raise InputError(_DOING, whom=work.customer.email, cause=cause, hint=hint)


def _demand_refused(work: Work, old: str) -> None:
    """TelegramError if the old token is taken still."""
    work.say("seeing that Telegram refuses the old token")
    try:
        work.services.telegram(old).identity()
    except BotTokenRefused:
        return
    hint = "revoke it with @BotFather (/revoke), and run the same command again"
    raise TelegramError(_DOING, whom=work.customer.email, cause="Telegram takes the old one still", hint=hint)
