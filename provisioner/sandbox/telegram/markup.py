"""Buttons under a message, or under the text field: what the Bot API takes of them."""

from collections.abc import Iterator
from typing import Any

from provisioner.sandbox.telegram.accounts import Bot
from provisioner.sandbox.telegram.refusals import bad_request

_KINDS = ("inline_keyboard", "keyboard", "remove_keyboard", "force_reply")
_INLINE_USES = {
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
}


def checked_markup(given: Any, bot: Bot) -> dict[str, Any] | None:
    """The markup, or None when there is none. Raises Refusal as the Bot API does for a wrong one."""
    if not given or given == {"inline_keyboard": []}:
        return None
    if not isinstance(given, dict) or not any(kind in given for kind in _KINDS):
        raise bad_request("object expected as reply markup")
    for button in _buttons(given, "inline_keyboard"):
        _check_inline(button)
    for key in _buttons(given, "keyboard"):
        _check_key(key, bot)
    return given


def _buttons(markup: dict[str, Any], kind: str) -> Iterator[Any]:
    rows = markup.get(kind, [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(f'field "{kind}" of the ReplyMarkup should be an Array of Arrays')
    return (button for row in rows for button in row)


def _check_inline(button: Any) -> None:
    if not isinstance(button, dict) or not str(button.get("text", "")).strip():
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be of type String')
    if not _INLINE_USES & button.keys():
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if "callback_data" in button and not 1 <= len(str(button["callback_data"]).encode()) <= 64:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button and "." not in str(button["url"]) and not str(button["url"]).startswith("tg://"):
        raise bad_request("inline keyboard button URL is invalid: Wrong HTTP URL")


def _check_key(key: Any, bot: Bot) -> None:
    if isinstance(key, str):
        return
    if not isinstance(key, dict) or not str(key.get("text", "")).strip():
        raise bad_request('can\'t parse keyboard button: Field "text" must be of type String')
    wish = key.get("request_managed_bot")
    if wish is None:
        return
    if not isinstance(wish, dict) or not isinstance(wish.get("request_id"), int):
        raise bad_request('can\'t parse keyboard button: Field "request_id" must be of type Number')
    if not bot.can_manage_bots:
        raise bad_request("BOT_MANAGE_NOT_ALLOWED")
