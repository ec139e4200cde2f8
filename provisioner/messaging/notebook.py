"""What is known of the manager bot's updates between two looks: one small file, replaced whole.

Which updates were dealt with and not acknowledged yet, by number. An offset alone would not do: after a week
without updates Telegram may go on with lower numbers, and asking from an old offset on would lose those.
And the bots that somebody made of whom it is not known yet which customer they are.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from provisioner import timestamps
from provisioner.customers.files import Files, explained, write_durably
from provisioner.services.telegram_updates import BotIdentity, MadeBot, Person

_UNCLAIMED_HOURS = 24 * 30
_UNCLAIMED_MOST = 500


class Unclaimed(BaseModel):
    """A bot that somebody made, and nobody knows for which customer."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    username: str | None
    bot_id: str
    bot_username: str
    since: str

    @property
    def made(self) -> MadeBot:
        bot = BotIdentity(self.bot_id, self.bot_username, self.bot_username)
        return MadeBot(0, Person(self.user_id, self.username), bot)


class _Page(BaseModel):
    handled: tuple[int, ...] = ()
    unclaimed: tuple[Unclaimed, ...] = ()


class Notebook:
    """Changed only by who holds the desk's lock; every change is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = Files()
        self._page = _Page()
        with explained("read the manager bot's notebook", str(path)):
            if path.exists():
                self._page = _Page.model_validate_json(path.read_bytes())

    @property
    def unclaimed(self) -> list[MadeBot]:
        return [bot.made for bot in self._page.unclaimed]

    def is_handled(self, update_id: int) -> bool:
        return update_id in self._page.handled

    def handle(self, update_id: int) -> None:
        self._turn(handled=(*self._page.handled, update_id))

    def unhandle(self, update_id: int) -> None:
        """It could not be dealt with after all, and has to come again."""
        self._turn(handled=tuple(number for number in self._page.handled if number != update_id))

    def forget_handled(self) -> None:
        """All of them are acknowledged: none comes again."""
        if self._page.handled:
            self._turn(handled=())

    def keep(self, made: MadeBot) -> None:
        """Remember a bot until it is known whose it is."""
        others = [bot for bot in self._page.unclaimed if bot.bot_id != made.bot.id]
        fresh = [bot for bot in others if timestamps.hours_since(bot.since) < _UNCLAIMED_HOURS]
        new = Unclaimed(
            user_id=made.who.id,
            username=made.who.username,
            bot_id=made.bot.id,
            bot_username=made.bot.username,
            since=timestamps.now(),
        )
        self._turn(unclaimed=(*fresh[1 - _UNCLAIMED_MOST :], new))

    def drop(self, bot_id: str) -> None:
        """It is known whose it is."""
        if any(bot.bot_id == bot_id for bot in self._page.unclaimed):
            self._turn(unclaimed=tuple(bot for bot in self._page.unclaimed if bot.bot_id != bot_id))

    def _turn(self, **changes: object) -> None:
        page = self._page.model_copy(update=changes)
        with explained("write the manager bot's notebook", str(self._path)):
            self._files.make_folder(self._path.parent)
            stamp = self._files.stamp(self._path)
            write_durably(self._files, self._path, page.model_dump_json().encode(), stamp)
        self._page = page
