"""What a person and a bot have said to each other."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Message:
    """One message of a private chat, as it stands now. `date` and `edit_date` are seconds since 1970."""

    id: int
    user_id: int
    bot_id: int
    from_bot: bool
    date: int
    text: str = ""
    entities: tuple[dict[str, Any], ...] = ()
    edit_date: int | None = None
    reply_to: int | None = None
    reply_markup: dict[str, Any] | None = None
    reaction: tuple[dict[str, Any], ...] = ()
    created_bot_id: int | None = None
    """The managed bot that this service message tells of."""

    @property
    def sender(self) -> str:
        """`"bot"` or `"user"`."""
        return "bot" if self.from_bot else "user"


@dataclass
class Chat:
    """One person's chat with one bot, as both see it. Guarded by the world's lock."""

    user_id: int
    bot_id: int
    started: bool = False
    blocked: bool = False
    messages: list[Message] = field(default_factory=list)
    draft: str | None = None
    """What the bot is still writing, if it shows it."""
    actions: int = 0
    """How often the bot showed that it is typing."""
    read_up_to: int = 0

    def find(self, message_id: int) -> Message | None:
        return next((message for message in self.messages if message.id == message_id), None)

    def put(self, message: Message) -> Message:
        """Add it, or put it in the place of the one with its id."""
        for place, old in enumerate(self.messages):
            if old.id == message.id:
                self.messages[place] = message
                return message
        self.messages.append(message)
        return message

    def remove(self, message_id: int) -> bool:
        kept = [message for message in self.messages if message.id != message_id]
        found = len(kept) < len(self.messages)
        self.messages = kept
        return found

    def keyboard(self) -> list[list[dict[str, Any]]]:
        """The rows of buttons under the customer's text field, as the bot's last word on it left them."""
        for markup in self._markups_backwards():
            if "keyboard" in markup:
                return _rows(markup["keyboard"])
            if "remove_keyboard" in markup:
                return []
        return []

    def _markups_backwards(self) -> Iterator[dict[str, Any]]:
        for message in reversed(self.messages):
            if message.from_bot and message.reply_markup:
                yield message.reply_markup


def edited(message: Message, date: int, **changes: Any) -> Message:
    """The message after an edit that people see as one."""
    return replace(message, edit_date=date, **changes)


def _rows(keyboard: list[list[Any]]) -> list[list[dict[str, Any]]]:
    """Buttons may be given as their bare text."""
    return [[{"text": key} if isinstance(key, str) else key for key in row] for row in keyboard]
