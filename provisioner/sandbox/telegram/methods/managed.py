"""Bots that another bot manages for their owners (Bot API 9.6). `user_id` is the managed bot's own id."""

from typing import Any

from provisioner.sandbox.telegram.accounts import Access, Bot
from provisioner.sandbox.telegram.api import BotRequest, method
from provisioner.sandbox.telegram.refusals import Refusal, bad_request
from provisioner.sandbox.telegram.wire import user_json

_MOST_USERS = 10


@method("getManagedBotToken")
def get_managed_bot_token(request: BotRequest) -> str:
    return _managed(request).token


@method("replaceManagedBotToken")
def replace_managed_bot_token(request: BotRequest) -> str:
    return request.world.revoke(_managed(request))


@method("getManagedBotAccessSettings")
def get_managed_bot_access_settings(request: BotRequest) -> dict[str, Any]:
    access = _managed(request).access
    settings: dict[str, Any] = {"is_access_restricted": access.restricted}
    if access.restricted:
        users = {user.id: user for user in request.world.users()}
        settings["added_users"] = [user_json(users[user_id]) for user_id in access.user_ids]
    return settings


@method("setManagedBotAccessSettings")
def set_managed_bot_access_settings(request: BotRequest) -> bool:
    bot = _managed(request)
    given = request.params.ids("added_user_ids")
    if len(given) > _MOST_USERS:
        raise bad_request("USERS_TOO_MUCH")
    known = {user.id for user in request.world.users()}
    if not known.issuperset(given):
        raise bad_request("USER_ID_INVALID")
    bot.access = Access(request.params.flag("is_access_restricted"), tuple(given))
    return True


def _managed(request: BotRequest) -> Bot:
    bot_id = request.params.integer("user_id")
    if not bot_id:
        raise bad_request("invalid user_id specified")
    if not request.bot.can_manage_bots:
        raise Refusal(403, "Forbidden: the bot can't manage other bots")
    managed = next((bot for bot in request.world.bots() if bot.id == bot_id), None)
    if managed is None or managed.manager_id != request.bot.id:
        raise bad_request("user not found")
    return managed
