"""The Bot API's methods: what a request carries, how it is answered."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.sandbox.telegram import refusals
from provisioner.sandbox.telegram.accounts import Bot, User
from provisioner.sandbox.telegram.messages import Chat, Message
from provisioner.sandbox.telegram.refusals import Refusal, bad_request
from provisioner.sandbox.telegram.world import BotCall, World

log = logging.getLogger(__name__)


class Params:
    """A request's parameters, from a query, a form or JSON alike; names are case-sensitive."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}

    def text(self, name: str) -> str:
        value = self._given.get(name, "")
        return value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        """Anything that is not a number is the default, as in the real server."""
        try:
            return int(str(self._given[name]))
        except (KeyError, ValueError):
            return default

    def flag(self, name: str) -> bool:
        return str(self._given.get(name, "")).lower() in ("true", "yes", "1")

    def json(self, name: str, what: str) -> Any:
        """A structure, given as JSON text or as it is; None without it. `what` names it in the refusal."""
        value = self._given.get(name)
        if not isinstance(value, str) or value == "":
            return value or None
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {what} JSON object") from None

    def ids(self, name: str) -> list[int]:
        """A list of numbers; anything else in it is refused."""
        given = self.json(name, name) or []
        if not isinstance(given, list) or not all(type(each) is int for each in given):
            raise bad_request(f"can't parse {name} JSON array")
        return given

    def structure(self, name: str, what: str) -> dict[str, Any]:
        """A JSON object, empty without it."""
        given = self.json(name, what) or {}
        if not isinstance(given, dict):
            raise bad_request(f"can't parse {what} JSON object")
        return given

    def __contains__(self, name: str) -> bool:
        return name in self._given


@dataclass(frozen=True)
class BotRequest:
    """One call of a method by one bot."""

    world: World
    bot: Bot
    params: Params

    def open_chat(self) -> tuple[User, Chat]:
        """The chat that `chat_id` names, if the bot may write there."""
        user = self.known_user("chat_id")
        chat = self.world.chat(user, self.bot)
        if user.id in self.world.deleted:
            raise Refusal(403, refusals.DEACTIVATED)
        if chat.blocked:
            raise Refusal(403, refusals.BLOCKED)
        if not chat.started:
            raise Refusal(403, refusals.START_FIRST)
        return user, chat

    def known_user(self, name: str) -> User:
        """The person whose id is in this parameter; a bot cannot reach people by username."""
        given = self.params.text(name)
        if not given:
            raise bad_request(f"{name} is empty")
        return self._user(given)

    def _user(self, given: str) -> User:
        number = int(given) if given.lstrip("-").isdecimal() else 0
        if any(bot.id == number for bot in self.world.bots()):
            raise Refusal(403, "Forbidden: bots can't send messages to bots")
        found = next((user for user in self.world.users() if user.id == number), None)
        if found is None:
            raise bad_request("chat not found")
        return found

    def message(self, chat: Chat, problem: str) -> Message:
        """The one that `message_id` names in this chat; `problem` is the refusal without it."""
        found = chat.find(self.params.integer("message_id"))
        if found is None:
            raise bad_request(problem)
        return found


Answer = Any
Method = Callable[[BotRequest], Answer | Awaitable[Answer]]
METHODS: dict[str, Method] = {}


def method(*names: str) -> Callable[[Method], Method]:
    """Make a function answer these methods of the Bot API, whose names have no case."""

    def register(function: Method) -> Method:
        METHODS.update(dict.fromkeys((name.lower() for name in names), function))
        return function

    return register


async def call(world: World, token: str, name: str, given: Mapping[str, Any]) -> Answer:
    """The result of one call. Raises Refusal for every answer that is not ok."""
    bot = _caller(world, token)
    function = METHODS.get(name.lower())
    world.calls.append(BotCall(bot.username, name, world.now(), known=function is not None))
    if function is None:
        log.warning("@%s called %s, which the sandbox does not have", bot.username, name)
        raise Refusal(404, "Not Found: method not found")
    answer = function(BotRequest(world, bot, Params(given)))
    return await answer if isinstance(answer, Awaitable) else answer


def _caller(world: World, token: str) -> Bot:
    number, colon, _ = token.partition(":")
    if not colon or not number.isdecimal() or number.startswith("0") or len(token) > 80:
        raise Refusal(401, "Unauthorized: invalid token specified")
    bot = world.bot_of_token(token)
    if bot is None:
        raise Refusal(401, "Unauthorized")
    return bot
