"""What a bot says and sets about itself."""

import re
from typing import Any

from provisioner.sandbox.telegram.api import BotRequest, method
from provisioner.sandbox.telegram.refusals import bad_request
from provisioner.sandbox.telegram.wire import me_json

_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_MOST_COMMANDS = 100
_MOST_TEXT = {"name": 64, "description": 512, "short_description": 120}


@method("getMe")
def get_me(request: BotRequest) -> dict[str, Any]:
    return me_json(request.bot)


@method("logOut", "close")
def log_out(request: BotRequest) -> bool:  # noqa: ARG001 - nothing to leave: the sandbox is the only server
    return True


@method("setMyCommands")
def set_my_commands(request: BotRequest) -> bool:
    commands = request.params.json("commands", "commands")
    if not isinstance(commands, list):
        raise bad_request("can't parse commands JSON array")
    if len(commands) > _MOST_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    request.bot.commands[_scope(request)] = [_command(command) for command in commands]
    return True


@method("getMyCommands")
def get_my_commands(request: BotRequest) -> list[dict[str, str]]:
    return request.bot.commands.get(_scope(request), [])


@method("deleteMyCommands")
def delete_my_commands(request: BotRequest) -> bool:
    request.bot.commands.pop(_scope(request), None)
    return True


@method("setMyName")
def set_my_name(request: BotRequest) -> bool:
    return _set_text(request, "name")


@method("getMyName")
def get_my_name(request: BotRequest) -> dict[str, str]:
    return {"name": _text(request, "name") or request.bot.name}


@method("setMyDescription")
def set_my_description(request: BotRequest) -> bool:
    return _set_text(request, "description")


@method("getMyDescription")
def get_my_description(request: BotRequest) -> dict[str, str]:
    return {"description": _text(request, "description")}


@method("setMyShortDescription")
def set_my_short_description(request: BotRequest) -> bool:
    return _set_text(request, "short_description")


@method("getMyShortDescription")
def get_my_short_description(request: BotRequest) -> dict[str, str]:
    return {"short_description": _text(request, "short_description")}


@method("setChatMenuButton")
def set_chat_menu_button(request: BotRequest) -> bool:
    request.bot.menu_button = request.params.structure("menu_button", "menu button") or {"type": "commands"}
    return True


@method("getChatMenuButton")
def get_chat_menu_button(request: BotRequest) -> dict[str, Any]:
    return request.bot.menu_button


def _scope(request: BotRequest) -> tuple[str, str]:
    scope = request.params.structure("scope", "bot command scope") or {"type": "default"}
    if "type" not in scope:
        raise bad_request('can\'t parse BotCommandScope: field "type" must be of type String')
    where = f"{scope['type']}:{scope.get('chat_id', '')}:{scope.get('user_id', '')}"
    return where, request.params.text("language_code")


def _command(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not _COMMAND.fullmatch(str(given.get("command", "")).removeprefix("/")):
        raise bad_request("BOT_COMMAND_INVALID")
    description = str(given.get("description", "")).strip()
    if not 1 <= len(description) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": str(given["command"]).removeprefix("/"), "description": description}


def _set_text(request: BotRequest, what: str) -> bool:
    text, language = request.params.text(what), request.params.text("language_code")
    if len(text) > _MOST_TEXT[what]:
        raise bad_request(f"BOT_{what.upper()}_TOO_LONG")
    request.bot.texts[what, language] = text
    if what == "name" and text and not language:
        request.bot.name = text
    return True


def _text(request: BotRequest, what: str) -> str:
    return request.bot.texts.get((what, request.params.text("language_code")), "")
