"""What a bot writes, changes and takes back."""

import time
from dataclasses import replace
from typing import Any

from provisioner.sandbox.telegram.api import BotRequest, Params, method
from provisioner.sandbox.telegram.formatting import Entity, detected, formatted, units
from provisioner.sandbox.telegram.markup import checked_markup
from provisioner.sandbox.telegram.messages import Chat, Message
from provisioner.sandbox.telegram.refusals import bad_request

LONGEST_TEXT = 4096
_EDIT_HINT = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


@method("sendMessage")
def send_message(request: BotRequest) -> dict[str, Any]:
    world = request.world
    with world.lock:
        _, chat = request.open_chat()
        text, entities = _text(request)
        message = world.post(
            chat,
            from_bot=True,
            text=text,
            entities=tuple(entities),
            reply_to=_replied_to(request, chat),
            reply_markup=checked_markup(
                request.params.json("reply_markup", "reply keyboard markup"), request.bot
            ),
        )
        return world.as_json(message)


@method("sendMessageDraft")
def send_message_draft(request: BotRequest) -> bool:
    """Text that is still being written; it vanishes when the message comes."""
    _, chat = request.open_chat()
    if not request.params.integer("draft_id"):
        raise bad_request("DRAFT_ID_INVALID")
    chat.draft = _text(request)[0] if request.params.text("text") else ""
    request.world.changes.announce()
    return True


@method("editMessageText")
def edit_message_text(request: BotRequest) -> dict[str, Any]:
    text, entities = _text(request)
    markup = checked_markup(request.params.json("reply_markup", "reply keyboard markup"), request.bot)
    return _edit(request, text=text, entities=tuple(entities), reply_markup=markup)


@method("editMessageReplyMarkup")
def edit_message_reply_markup(request: BotRequest) -> dict[str, Any]:
    markup = checked_markup(request.params.json("reply_markup", "reply keyboard markup"), request.bot)
    return _edit(request, reply_markup=markup)


@method("deleteMessage")
def delete_message(request: BotRequest) -> bool:
    with request.world.lock:
        _, chat = request.open_chat()
        if not chat.remove(request.params.integer("message_id")):
            raise bad_request("message to delete not found")
    request.world.changes.announce()
    return True


@method("deleteMessages")
def delete_messages(request: BotRequest) -> bool:
    """Ids that are not there are passed over."""
    ids = request.params.ids("message_ids")
    if not 1 <= len(ids) <= 100:
        raise bad_request("message identifiers are not specified")
    with request.world.lock:
        _, chat = request.open_chat()
        for message_id in ids:
            chat.remove(message_id)
    request.world.changes.announce()
    return True


@method("setMessageReaction")
def set_message_reaction(request: BotRequest) -> bool:
    reaction = request.params.json("reaction", "reaction types") or []
    if not isinstance(reaction, list) or not all(isinstance(it, dict) and "type" in it for it in reaction):
        raise bad_request("can't parse reaction types JSON object")
    if len(reaction) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    world = request.world
    with world.lock:
        _, chat = request.open_chat()
        message = request.message(chat, "message to react not found")
        chat.put(_with_reaction(message, reaction))
    world.changes.announce()
    return True


@method("answerCallbackQuery")
def answer_callback_query(request: BotRequest) -> bool:
    answered = request.world.callbacks.answer(
        request.params.text("callback_query_id"),
        request.bot.id,
        text=request.params.text("text"),
        alert=request.params.flag("show_alert"),
        now=time.monotonic(),
    )
    if not answered:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    request.world.changes.announce()
    return True


def _edit(request: BotRequest, **changes: Any) -> dict[str, Any]:
    world = request.world
    with world.lock:
        _, chat = request.open_chat()
        message = request.message(chat, "message to edit not found")
        if not message.from_bot or message.created_bot_id is not None:
            raise bad_request("message can't be edited")
        if all(getattr(message, name) == value for name, value in changes.items()):
            raise bad_request(_EDIT_HINT)
        return world.as_json(world.edit(chat, message, **changes))


def _text(request: BotRequest) -> tuple[str, list[Entity]]:
    """The text and its entities, whichever way the bot gave them."""
    given = request.params.text("text")
    own = request.params.json("entities", "message entities")
    if own and not request.params.text("parse_mode"):
        text, taken = given, _own_entities(own, given)
    else:
        text, taken = formatted(given, request.params.text("parse_mode"))
    if not text.strip():
        raise bad_request("message text is empty")
    if units(text) > LONGEST_TEXT:
        raise bad_request("message is too long")
    return text, taken


def _own_entities(given: Any, text: str) -> list[Entity]:
    """Those that the bot named, and of other kinds what Telegram finds."""
    if not isinstance(given, list) or not all(_is_entity(entity) for entity in given):
        raise bad_request("can't parse entities: expected an Array of MessageEntity")
    kinds = {entity["type"] for entity in given}
    return given + [found for found in detected(text) if found["type"] not in kinds]


def _is_entity(given: Any) -> bool:
    wanted = {"type": str, "offset": int, "length": int}
    return isinstance(given, dict) and all(isinstance(given.get(key), kind) for key, kind in wanted.items())


def _replied_to(request: BotRequest, chat: Chat) -> int | None:
    reply = request.params.structure("reply_parameters", "reply parameters")
    message_id = Params(reply).integer("message_id") or request.params.integer("reply_to_message_id")
    if not message_id:
        return None
    if chat.find(message_id):
        return message_id
    if reply.get("allow_sending_without_reply") or request.params.flag("allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


def _with_reaction(message: Message, reaction: list[dict[str, Any]]) -> Message:
    return replace(message, reaction=tuple(reaction))
