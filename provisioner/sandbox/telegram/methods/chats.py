"""What a bot can ask about its chats and the people in them."""

from typing import Any

from provisioner.sandbox.telegram.api import BotRequest, method
from provisioner.sandbox.telegram.refusals import bad_request
from provisioner.sandbox.telegram.wire import bot_json, full_chat_json, user_json

_ACTIONS = {
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
}


@method("getChat")
def get_chat(request: BotRequest) -> dict[str, Any]:
    """Known is whom the bot has met; anybody else is not found."""
    user = request.known_user("chat_id")
    if not request.world.chat(user, request.bot).messages:
        raise bad_request("chat not found")
    return full_chat_json(user)


@method("getChatMember")
def get_chat_member(request: BotRequest) -> dict[str, Any]:
    user = request.known_user("chat_id")
    member = request.params.integer("user_id")
    if member == request.bot.id:
        return {"status": "member", "user": bot_json(request.bot)}
    if member != user.id:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return {"status": "member", "user": user_json(user)}


@method("sendChatAction")
def send_chat_action(request: BotRequest) -> bool:
    _, chat = request.open_chat()
    if request.params.text("action").lower() not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat.actions += 1
    return True


@method("getUserProfilePhotos")
def get_user_profile_photos(request: BotRequest) -> dict[str, Any]:
    request.known_user("user_id")
    return {"total_count": 0, "photos": []}


@method("getFile")
def get_file(request: BotRequest) -> dict[str, Any]:
    """Nobody sends files here, so no identifier is a right one."""
    if not request.params.text("file_id"):
        raise bad_request("file_id not specified")
    raise bad_request("wrong file_id or the file is temporarily unavailable")
