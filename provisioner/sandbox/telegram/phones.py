"""People's phones: what a person can do in Telegram, and what they then see."""

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from provisioner.errors import SandboxError
from provisioner.sandbox.telegram.accounts import Bot, User
from provisioner.sandbox.telegram.callbacks import ANSWER_WITHIN, Press
from provisioner.sandbox.telegram.formatting import detected, units
from provisioner.sandbox.telegram.messages import Chat, Message
from provisioner.sandbox.telegram.wire import bot_json, chat_json, user_json
from provisioner.sandbox.telegram.world import World

_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{0,64}")
_HOSTS = ("t.me", "telegram.me", "www.t.me")
_LONGEST_TEXT = 4096

Who = User | int | str
Which = Bot | int | str


@dataclass(frozen=True)
class StartScreen:
    """A bot's chat, opened from a link, with the Start button that carries the link's payload."""

    bot: Bot
    payload: str = ""


@dataclass(frozen=True)
class NewBotDialog:
    """Telegram's question whether to make a bot that `manager` manages, with what it suggests.

    `request_id` is that of the keyboard's button, None when it was opened from a link.
    """

    user: User
    manager: Bot
    name: str = ""
    username: str = ""
    request_id: int | None = None


class Phones:
    """Everybody's phone. Raises SandboxError for what the app would not let a person do."""

    def __init__(self, world: World) -> None:
        self.world = world

    # Reading

    def chat(self, user: Who, bot: Which) -> list[Message]:
        """Both sides' messages in order, edits applied, deleted ones gone."""
        with self.world.lock:
            return list(self.world.chat(user, bot).messages)

    def chats(self, user: Who) -> list[tuple[Bot, list[Message]]]:
        """Every chat of this person that holds something."""
        with self.world.lock:
            chats = self.world.chats_of(user)
            return [(self.world.bot(chat.bot_id), list(chat.messages)) for chat in chats if chat.messages]

    def read(self, user: Who, bot: Which) -> list[Message]:
        """What the bot wrote since this person looked last."""
        with self.world.lock:
            chat = self.world.chat(user, bot)
            new = [message for message in chat.messages if message.from_bot and message.id > chat.read_up_to]
            chat.read_up_to = max((message.id for message in chat.messages), default=chat.read_up_to)
        return new

    def keyboard(self, user: Who, bot: Which) -> list[list[str]]:
        """The labels of the buttons under the text field."""
        with self.world.lock:
            return [[str(key["text"]) for key in row] for row in self.world.chat(user, bot).keyboard()]

    async def wait_for_reply(
        self, user: Who, bot: Which, *, after: Message | int = 0, containing: str = "", timeout: float = 60
    ) -> Message | None:
        """The bot's first message after this one that has these words, edits included; None after
        `timeout` seconds. A reply that the bot still edits is returned as it stands: name
        the words to wait for them."""
        after_id = after.id if isinstance(after, Message) else after
        return await self.world.changes.until(lambda: self._reply(user, bot, after_id, containing), timeout)

    def wait_for_reply_in_thread(
        self, user: Who, bot: Which, *, after: Message | int = 0, containing: str = "", timeout: float = 60
    ) -> Message | None:
        """As `wait_for_reply`, for code without an event loop."""
        after_id = after.id if isinstance(after, Message) else after
        return self.world.changes.wait(lambda: self._reply(user, bot, after_id, containing), timeout)

    # Writing

    def press_start(self, user: Who, bot: Which, payload: str = "") -> Message:
        """Open the chat and press Start, which sends /start with the payload of the link, if it had one.
        In a chat that was blocked it is the Restart button."""
        if not _PAYLOAD.fullmatch(payload):
            raise SandboxError(
                "press Start", whom=payload, cause="a payload has at most 64 letters, digits, _ and -"
            )
        with self.world.lock:
            chat = self.world.chat(user, bot)
            self._let_in(chat)
            self._set_blocked(chat, blocked=False)
            chat.started = True
            text = f"/start {payload}" if payload else "/start"
            return self.world.post(chat, from_bot=False, text=text, entities=tuple(detected(text)))

    def say(self, user: Who, bot: Which, text: str, *, reply_to: int | None = None) -> Message:
        """Write to the bot; the chat must have been started."""
        text = text.strip()
        if not 1 <= units(text) <= _LONGEST_TEXT:
            raise SandboxError("send the message", cause=f"a message has 1 to {_LONGEST_TEXT} characters")
        with self.world.lock:
            chat = self._open(user, bot)
            return self.world.post(
                chat, from_bot=False, text=text, entities=tuple(detected(text)), reply_to=reply_to
            )

    def edit(self, user: Who, bot: Which, message_id: int, text: str) -> Message:
        """Change a message of one's own."""
        with self.world.lock:
            chat = self._open(user, bot)
            message = chat.find(message_id)
            if message is None or message.from_bot:
                raise SandboxError("edit the message", cause="it is not this person's own")
            return self.world.edit(chat, message, text=text, entities=tuple(detected(text)))

    def block(self, user: Who, bot: Which) -> None:
        with self.world.lock:
            self._set_blocked(self.world.chat(user, bot), blocked=True)
        self.world.changes.announce()

    def unblock(self, user: Who, bot: Which) -> None:
        with self.world.lock:
            self._set_blocked(self.world.chat(user, bot), blocked=False)
        self.world.changes.announce()

    def delete_account(self, user: Who) -> None:
        """For good: no bot can write to this person any more."""
        with self.world.lock:
            self.world.deleted.add(self.world.user(user).id)
        self.world.changes.announce()

    # Buttons and links

    def press_button(
        self, user: Who, bot: Which, label: str, *, message_id: int | None = None
    ) -> Press | StartScreen | NewBotDialog | str:
        """Press the inline button with this label, on this message or on the newest that has it.
        A button with a link opens it (see `open_link`); one with data asks the bot, see `wait_for_answer`."""
        with self.world.lock:
            chat = self._open(user, bot)
            message, button = _inline_button(chat, label, message_id)
            if "url" in button:
                return self.open_link(user, str(button["url"]))
            press = self.world.callbacks.add(chat.bot_id, chat.user_id, time.monotonic())
            self._push_press(press, message, str(button.get("callback_data", "")))
        self.world.changes.announce()
        return press

    async def wait_for_answer(self, press: Press, *, timeout: float = ANSWER_WITHIN) -> str | None:
        """What the bot showed for a press; empty for "nothing", None when it never answered."""
        return await self.world.changes.until(lambda: press.answer, timeout)

    def tap_key(self, user: Who, bot: Which, label: str) -> Message | NewBotDialog:
        """Tap a button under the text field: it sends its text, or asks to make a bot."""
        with self.world.lock:
            chat = self._open(user, bot)
            key = next((key for row in chat.keyboard() for key in row if key["text"] == label), None)
            if key is None:
                raise SandboxError("tap the button", whom=label, cause="it is not on the keyboard")
            wish = key.get("request_managed_bot")
            if wish is None:
                return self.say(user, bot, label)
            return NewBotDialog(
                self.world.user(user),
                self.world.bot(bot),
                str(wish.get("suggested_name") or ""),
                str(wish.get("suggested_username") or ""),
                int(wish["request_id"]),
            )

    def open_link(self, user: Who, url: str) -> StartScreen | NewBotDialog | str:
        """What opens when this person taps a link: a bot's chat, the dialog for a new managed bot, or,
        for a link that is not Telegram's, the address itself (the browser's business)."""
        parts = urlsplit(url if "//" in url else f"https://{url}")
        path = [unquote(piece) for piece in parts.path.split("/") if piece]
        if parts.hostname not in _HOSTS or not path:
            return url
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if path[0].lower() == "newbot":
            return self._new_bot_dialog(user, path[1:], query.get("name", ""))
        return StartScreen(self.world.bot(path[0]), query.get("start", ""))

    def confirm(self, dialog: NewBotDialog, *, name: str | None = None, username: str | None = None) -> Bot:
        """Tap Create, with another name or username if given. Raises SandboxError as `World.create_bot`
        does; the dialog stays open then, so it can be confirmed again."""
        world = self.world
        with world.lock:
            bot = world.create_bot(
                dialog.user,
                dialog.name if name is None else name,
                dialog.username if username is None else username,
                manager=dialog.manager,
            )
            if dialog.request_id is not None:
                chat = world.chat(dialog.user, dialog.manager)
                world.post(chat, from_bot=False, created_bot_id=bot.id)
        return bot

    def _new_bot_dialog(self, user: Who, path: list[str], name: str) -> NewBotDialog:
        if not path:
            raise SandboxError("open the link", cause="it names no manager")
        manager = self.world.bot(path[0])
        if not manager.can_manage_bots:
            raise SandboxError("open the link", whom=manager.title, cause="this bot manages no others")
        return NewBotDialog(self.world.user(user), manager, name, path[1] if len(path) > 1 else "")

    def _open(self, user: Who, bot: Which) -> Chat:
        chat = self.world.chat(user, bot)
        whom = self.world.bot(bot).title
        if chat.blocked:
            raise SandboxError("write to the bot", whom=whom, cause="it is blocked", hint="unblock it first")
        if not chat.started:
            raise SandboxError(
                "write to the bot", whom=whom, cause="only Start is shown", hint="press Start first"
            )
        self._let_in(chat)
        return chat

    def _let_in(self, chat: Chat) -> None:
        bot = self.world.bot(chat.bot_id)
        if bot.access.restricted and chat.user_id not in (bot.owner_id, *bot.access.user_ids):
            raise SandboxError("write to the bot", whom=bot.title, cause="its owner lets only some people in")

    def _set_blocked(self, chat: Chat, *, blocked: bool) -> None:
        if chat.blocked == blocked:
            return
        chat.blocked = blocked
        user, bot = self.world.user(chat.user_id), self.world.bot(chat.bot_id)
        bot.updates.push("my_chat_member", _membership(user, bot, blocked=blocked, date=self.world.now()))

    def _push_press(self, press: Press, message: Message, data: str) -> None:
        user = self.world.user(press.user_id)
        self.world.bot(press.bot_id).updates.push(
            "callback_query",
            {
                "id": press.id,
                "from": user_json(user),
                "message": self.world.as_json(message),
                "chat_instance": str(press.user_id * 1_000_003 + press.bot_id),
                "data": data,
            },
        )

    def _reply(self, user: Who, bot: Which, after_id: int, containing: str) -> Message | None:
        wanted = containing.lower()
        for message in self.chat(user, bot):
            if message.from_bot and message.id > after_id and wanted in message.text.lower():
                return message
        return None


def _membership(user: User, bot: Bot, *, blocked: bool, date: int) -> dict[str, Any]:
    member = {"status": "member", "user": bot_json(bot)}
    banned = {"status": "kicked", "user": bot_json(bot), "until_date": 0}
    return {
        "chat": chat_json(user),
        "from": user_json(user),
        "date": date,
        "old_chat_member": member if blocked else banned,
        "new_chat_member": banned if blocked else member,
    }


def _inline_button(chat: Chat, label: str, message_id: int | None) -> tuple[Message, dict[str, Any]]:
    for message in reversed(chat.messages):
        if message_id is None or message.id == message_id:
            for row in (message.reply_markup or {}).get("inline_keyboard", ()):
                for button in row:
                    if button["text"] == label:
                        return message, button
    raise SandboxError("press the button", whom=label, cause="no message has it")
