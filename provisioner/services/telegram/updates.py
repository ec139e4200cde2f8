"""What the Bot API tells and is told, in our own words: people, bots, and what people did."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import telegram

UPDATE_KINDS = ("message", "managed_bot")
"""What is asked for; bots that people make are not in what a bot gets unasked."""


@dataclass(frozen=True)
class BotIdentity:
    """A bot; `username` is without the @. `can_manage` is known only of the bot that asks about itself."""

    id: str
    username: str
    name: str
    can_manage: bool = False


@dataclass(frozen=True)
class Person:
    """Somebody on Telegram; `username` is without the @, and some people have none."""

    id: str
    username: str | None = None

    def __str__(self) -> str:
        return f"@{self.username} ({self.id})" if self.username else self.id


@dataclass(frozen=True)
class Wrote:
    """A person wrote to the bot, or pressed Start, which writes "/start" and the payload of the link."""

    id: int
    who: Person
    text: str

    @property
    def payload(self) -> str | None:
        """What the link carried behind `start=`; None if this is no press of Start."""
        command, _, payload = self.text.partition(" ")
        return payload.strip() if command == "/start" else None


@dataclass(frozen=True)
class MadeBot:
    """A person made a bot through this one, or a bot that they had made got another token or owner."""

    id: int
    who: Person
    bot: BotIdentity


@dataclass(frozen=True)
class Unread:
    """Something that the product has no use for."""

    id: int


Update = Wrote | MadeBot | Unread


@dataclass(frozen=True)
class BotButton:
    """A button that opens Telegram's dialog for a new bot, with what it suggests."""

    label: str
    name: str
    username: str

    def markup(self) -> "telegram.ReplyKeyboardMarkup":
        import telegram

        wish = telegram.KeyboardButtonRequestManagedBot(1, self.name, self.username)
        key = telegram.KeyboardButton(self.label, request_managed_bot=wish)
        return telegram.ReplyKeyboardMarkup([[key]], resize_keyboard=True, one_time_keyboard=True)


@dataclass(frozen=True)
class NoButtons:
    """Takes away what was under the text field."""

    def markup(self) -> "telegram.ReplyKeyboardRemove":
        import telegram

        return telegram.ReplyKeyboardRemove()


Keyboard = BotButton | NoButtons


def identity_of(user: "telegram.User") -> BotIdentity:
    return BotIdentity(str(user.id), user.username or "", user.first_name, bool(user.can_manage_bots))


def read_update(update: "telegram.Update") -> Update:
    """The update as one of ours; what does not come from a person who is alone with the bot is passed over.

    In a group and in a channel the sender may be an id that many share: all anonymous administrators of all
    groups are one.
    """
    made, message = update.managed_bot, update.message
    if made is not None and not made.user.is_bot:
        return MadeBot(update.update_id, _person(made.user), identity_of(made.bot))
    sender = _sender(message) if message is not None else None
    if message is not None and message.text and sender is not None:
        return Wrote(update.update_id, _person(sender), message.text)
    return Unread(update.update_id)


def _sender(message: "telegram.Message") -> "telegram.User | None":
    """Who wrote it, if that is a person in their private chat with the bot."""
    sender, chat = message.from_user, message.chat
    private = sender is not None and chat.type == "private" and chat.id == sender.id
    return sender if private and sender is not None and not sender.is_bot else None


def _person(user: "telegram.User") -> Person:
    return Person(str(user.id), user.username)
