"""People and messages in the Bot API's JSON, as one bot sees them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from provisioner.sandbox.telegram.accounts import Bot, User
from provisioner.sandbox.telegram.messages import Chat, Message

Json = dict[str, Any]


def user_json(user: User) -> Json:
    return {"id": user.id, "is_bot": False, **_names(user), "language_code": user.language_code}


def bot_json(bot: Bot) -> Json:
    return {"id": bot.id, "is_bot": True, "first_name": bot.name, "username": bot.username}


def me_json(bot: Bot) -> Json:
    """What getMe tells a bot of itself."""
    return {
        **bot_json(bot),
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": False,
        "allows_users_to_create_topics": False,
        "can_manage_bots": bot.can_manage_bots,
    }


def chat_json(user: User) -> Json:
    """A private chat carries the person's id and names."""
    return {"id": user.id, **_names(user), "type": "private"}


def full_chat_json(user: User) -> Json:
    """What getChat tells."""
    return {
        **chat_json(user),
        "accent_color_id": user.id % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(
            (
                "unlimited_gifts",
                "limited_gifts",
                "unique_gifts",
                "premium_subscription",
                "gifts_from_channels",
            ),
            True,
        ),
        **({"active_usernames": [user.username]} if user.username else {}),
    }


def message_json(message: Message, chat: Chat, user: User, bot: Bot, bot_of: Callable[[int], Bot]) -> Json:
    """A message, with the one that it answers when that is still there."""
    body: Json = {
        "message_id": message.id,
        "from": bot_json(bot) if message.from_bot else user_json(user),
        "chat": chat_json(user),
        "date": message.date,
    }
    if message.edit_date is not None:
        body["edit_date"] = message.edit_date
    original = chat.find(message.reply_to) if message.reply_to else None
    if original:
        body["reply_to_message"] = message_json(_without_reply(original), chat, user, bot, bot_of)
    if message.created_bot_id is not None:
        body["managed_bot_created"] = {"bot": bot_json(bot_of(message.created_bot_id))}
    else:
        body["text"] = message.text
    if message.entities:
        body["entities"] = list(message.entities)
    if message.reply_markup and "inline_keyboard" in message.reply_markup:
        body["reply_markup"] = message.reply_markup
    return body


def _without_reply(message: Message) -> Message:
    """The Bot API shows one level of replies."""
    return replace(message, reply_to=None)


def _names(user: User) -> Json:
    names = {"first_name": user.first_name, "last_name": user.last_name, "username": user.username}
    return {key: value for key, value in names.items() if value is not None}
