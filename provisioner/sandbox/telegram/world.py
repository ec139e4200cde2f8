"""Telegram as it stands: people, bots, their chats. Everything else reads and changes this."""

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from provisioner.errors import SandboxError
from provisioner.sandbox.changes import Changes
from provisioner.sandbox.telegram.accounts import Bot, User, new_token
from provisioner.sandbox.telegram.callbacks import Callbacks
from provisioner.sandbox.telegram.messages import Chat, Message, edited
from provisioner.sandbox.telegram.updates import UpdateQueue
from provisioner.sandbox.telegram.wire import Json, bot_json, message_json, user_json

_FIRST_USER_ID = 700_000_101
_FIRST_BOT_ID = 8_100_000_001
_USERNAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])+")
_BOTS_PER_OWNER = 20
_LONG_AGO = 1_000_000_000
_CALLS_KEPT = 10_000
T = TypeVar("T", User, Bot)


@dataclass(frozen=True)
class BotCall:
    """One request that a bot made; `known` is false for a method that the sandbox does not have."""

    bot: str
    method: str
    at: float
    known: bool = True


class World:
    """Guarded by `lock`; `changes` wakes whoever waits for something in it.

    Every lookup takes an id, a username with or without the at sign (in any case), or the thing itself,
    and raises SandboxError when there is no such thing. `clock` gives seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.lock = threading.RLock()
        self.changes = Changes()
        self.calls: deque[BotCall] = deque(maxlen=_CALLS_KEPT)
        self.closed = False
        self.callbacks = Callbacks()
        self.deleted: set[int] = set()
        """The ids of people who have deleted their account."""
        self._clock = clock
        self._users: dict[int, User] = {}
        self._bots: dict[int, Bot] = {}
        self._chats: dict[tuple[int, int], Chat] = {}

    def now(self) -> int:
        return int(self._clock())

    def close(self) -> None:
        """End all waiting polls, so that a server can stop at once."""
        self.closed = True
        self.changes.announce()

    # People

    def add_user(
        self,
        first_name: str,
        username: str | None = None,
        *,
        last_name: str | None = None,
        language_code: str = "en",
        user_id: int | None = None,
    ) -> User:
        """Somebody who has Telegram. Raises SandboxError when the id or the username is taken."""
        name = username.removeprefix("@") if username else None
        with self.lock:
            new_id = user_id if user_id is not None else self._free_id(_FIRST_USER_ID, self._users)
            if new_id in self._users or new_id in self._bots or (name and self.username_taken(name)):
                raise SandboxError("add the person", whom=username or str(new_id), cause="taken already")
            user = User(new_id, first_name, name, last_name, language_code)
            self._users[new_id] = user
        return user

    def users(self) -> list[User]:
        with self.lock:
            return list(self._users.values())

    def user(self, who: User | int | str) -> User:
        with self.lock:
            found = _look_up(who, self._users)
        if found is None:
            raise SandboxError("find the person", whom=_name_of(who), cause="nobody here is called this")
        return found

    # Bots

    def create_bot(
        self,
        owner: User | int | str,
        name: str,
        username: str,
        *,
        can_manage_bots: bool = False,
        manager: Bot | None = None,
    ) -> Bot:
        """What BotFather does. Raises SandboxError with Telegram's own word for what is wrong:
        USERNAME_INVALID, USERNAME_OCCUPIED, BOT_CREATE_LIMIT_EXCEEDED, BOT_NAME_INVALID."""
        username = username.removeprefix("@")
        with self.lock:
            owner_id = self.user(owner).id
            self._check_new_bot(owner_id, name, username)
            bot_id = self._free_id(_FIRST_BOT_ID, self._bots)
            # Gateways remember the last update of a bot: in a later world its ids must be higher.
            updates = UpdateQueue(first_id=self.now() - _LONG_AGO)
            bot = Bot(bot_id, name, username, owner_id, new_token(bot_id), can_manage_bots, updates=updates)
            self._bots[bot_id] = bot
            if manager:
                bot.manager_id = manager.id
                self.tell_manager(bot)
        self.changes.announce()
        return bot

    def bots(self) -> list[Bot]:
        with self.lock:
            return list(self._bots.values())

    def bot(self, who: Bot | int | str) -> Bot:
        with self.lock:
            found = _look_up(who, self._bots)
        if found is None:
            raise SandboxError("find the bot", whom=_name_of(who), cause="no bot here is called this")
        return found

    def bot_of_token(self, token: str) -> Bot | None:
        with self.lock:
            return next((bot for bot in self._bots.values() if bot.token == token), None)

    def revoke(self, bot: Bot | int | str) -> str:
        """The owner (or the manager) replaces the token; returns the new one, the old one is dead at once."""
        with self.lock:
            found = self.bot(bot)
            found.token = new_token(found.id)
            self.tell_manager(found)
        self.changes.announce()
        return found.token

    def username_taken(self, username: str) -> bool:
        with self.lock:
            return bool(_look_up(username, self._users) or _look_up(username, self._bots))

    def tell_manager(self, bot: Bot) -> None:
        """The managed_bot update: a bot was made, or has another token or owner."""
        if bot.manager_id is not None and bot.manager_id in self._bots:
            told = {"user": user_json(self._users[bot.owner_id]), "bot": bot_json(bot)}
            self._bots[bot.manager_id].updates.push("managed_bot", told)

    # Chats

    def chat(self, user: User | int | str, bot: Bot | int | str) -> Chat:
        """Their chat, which may be empty and not started."""
        with self.lock:
            key = (self.user(user).id, self.bot(bot).id)
            return self._chats.setdefault(key, Chat(*key))

    def chats_of(self, user: User | int | str) -> list[Chat]:
        with self.lock:
            user_id = self.user(user).id
            return [chat for chat in self._chats.values() if chat.user_id == user_id]

    def post(self, chat: Chat, *, from_bot: bool, **content: Any) -> Message:
        """A new message in the chat; the bot gets an update for one that it did not write itself."""
        with self.lock:
            bot = self._bots[chat.bot_id]
            bot.last_message_id += 1
            message = Message(bot.last_message_id, chat.user_id, chat.bot_id, from_bot, self.now(), **content)
            chat.put(message)
            if from_bot:
                chat.draft = None
            else:
                bot.updates.push("message", self.as_json(message))
        self.changes.announce()
        return message

    def edit(self, chat: Chat, message: Message, **changes: Any) -> Message:
        """Change a message in its place; the bot gets an update when a person edits."""
        with self.lock:
            changed = chat.put(edited(message, self.now(), **changes))
            if not message.from_bot:
                self._bots[chat.bot_id].updates.push("edited_message", self.as_json(changed))
        self.changes.announce()
        return changed

    def as_json(self, message: Message) -> Json:
        with self.lock:
            bot, user = self._bots[message.bot_id], self._users[message.user_id]
            return message_json(message, self.chat(user, bot), user, bot, self.bot)

    def _check_new_bot(self, owner_id: int, name: str, username: str) -> None:
        problem = None
        if not 1 <= len(name.strip()) <= 64:
            problem = "BOT_NAME_INVALID: a name has 1 to 64 characters"
        elif not valid_bot_username(username):
            problem = "USERNAME_INVALID: 5 to 32 letters, digits and underscores, ending in bot"
        elif self.username_taken(username):
            problem = "USERNAME_OCCUPIED: somebody else has this username"
        elif sum(bot.owner_id == owner_id for bot in self._bots.values()) >= _BOTS_PER_OWNER:
            problem = "BOT_CREATE_LIMIT_EXCEEDED: this person has as many bots as Telegram allows"
        if problem:
            raise SandboxError("create the bot", whom=f"@{username}", cause=problem)

    def _free_id(self, first: int, taken: dict[int, Any]) -> int:
        new_id = max(first - 1, *taken) + 1 if taken else first
        while new_id in self._users or new_id in self._bots:
            new_id += 1
        return new_id


def valid_bot_username(username: str) -> bool:
    """Telegram's rule for the usernames of bots."""
    return (
        5 <= len(username) <= 32
        and _USERNAME.fullmatch(username) is not None
        and username.lower().endswith("bot")
    )


def _look_up(who: User | Bot | int | str, among: dict[int, T]) -> T | None:
    if isinstance(who, (User, Bot)):
        return among.get(who.id)
    text = str(who).removeprefix("@").lower()
    if text.isdecimal() and int(text) in among:
        return among[int(text)]
    return next((it for it in among.values() if it.username and it.username.lower() == text), None)


def _name_of(who: User | Bot | int | str) -> str:
    return who.title if isinstance(who, (User, Bot)) else str(who)
