"""What is known of the manager bot's updates between two looks: one small file, replaced whole.

Which updates were dealt with and not acknowledged yet, by number. An offset alone would not do: after a week
without updates Telegram may go on with lower numbers, and asking from an old offset on would lose those.
The bots that somebody made of whom it is not known yet which customer they are. The updates that could not be
written into a record yet. And the answers that are owed, with those that were given lately.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from provisioner import timestamps
from provisioner.errors import RecordError
from provisioner.filesystem.durable import Files, explained, write_durably
from provisioner.messaging.telegram.owed import Given, Owed
from provisioner.services.telegram.updates import BotIdentity, MadeBot, Person, Wrote

_UNCLAIMED_HOURS = 24 * 30
_UNCLAIMED_MOST = 500
_LATER_HOURS = 24
_LATER_MOST = 200
_OWED_MOST = 500
_GIVEN_HOURS = 24
_GIVEN_MOST = 2000
_DOING = "read the manager bot's notebook"


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


class Later(BaseModel):
    """An update that could not be dealt with when it came, such as for a record that is broken."""

    model_config = ConfigDict(frozen=True)

    update: Wrote | MadeBot
    since: str


class _Page(BaseModel):
    handled: tuple[int, ...] = ()
    unclaimed: tuple[Unclaimed, ...] = ()
    later: tuple[Later, ...] = ()
    owed: tuple[Owed, ...] = ()
    given: tuple[Given, ...] = ()


class Notebook:
    """Changed only by who holds the desk's lock; every change is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        """RecordError if the file holds anything else."""
        self._path = path
        self._files = Files()
        self._page = _Page()
        with explained(_DOING, str(path)):
            if path.exists():
                self._page = _read(path)

    @property
    def unclaimed(self) -> list[MadeBot]:
        return [bot.made for bot in self._page.unclaimed]

    @property
    def later(self) -> list[Wrote | MadeBot]:
        """What was put off and is still worth dealing with."""
        return [one.update for one in self._page.later if _is_fresh(one)]

    @property
    def owed(self) -> tuple[Owed, ...]:
        return self._page.owed

    @property
    def given(self) -> tuple[Given, ...]:
        return self._page.given

    def is_handled(self, update_id: int) -> bool:
        """Whether it was dealt with, or put off."""
        return update_id in self._page.handled or any(one.update.id == update_id for one in self._page.later)

    def handle(self, update_id: int, answer: Owed) -> None:
        """The update was dealt with, and this is to be answered."""
        handled = (*self._page.handled, update_id)
        self._turn(handled=handled, owed=(*self._page.owed, answer)[-_OWED_MOST:], given=self._given(answer))

    def owe(self, answer: Owed) -> None:
        """Something is to be said that answers no update."""
        self._turn(owed=(*self._page.owed, answer)[-_OWED_MOST:], given=self._given(answer))

    def take(self, answer: Owed) -> None:
        """The answer is about to be sent: it is owed no more."""
        self._turn(owed=tuple(one for one in self._page.owed if one != answer))

    def put_back(self, answer: Owed) -> None:
        """It was certainly not sent; what is said to this person later stays behind it."""
        self._turn(owed=(answer, *self._page.owed)[:_OWED_MOST])

    def forget_owed(self, answers: Iterable[Owed]) -> None:
        gone = set(answers)
        if gone:
            self._turn(owed=tuple(one for one in self._page.owed if one not in gone))

    def put_off(self, update: Wrote | MadeBot) -> None:
        """Deal with it at another look; what somebody does several times is dealt with once."""
        fresh = [one for one in self._page.later if _is_fresh(one)]
        if all(replace(one.update, id=update.id) != update for one in fresh):
            new = Later(update=update, since=timestamps.now())
            self._turn(later=(*fresh[1 - _LATER_MOST :], new))

    def caught_up(self, update: Wrote | MadeBot) -> None:
        """It was put off, and is dealt with by now."""
        self._turn(later=tuple(one for one in self._page.later if one.update != update))

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

    def _given(self, answer: Owed) -> tuple[Given, ...]:
        recent = [one for one in self._page.given if timestamps.hours_since(one.at) < _GIVEN_HOURS]
        return (*recent[1 - _GIVEN_MOST :], Given(to=answer.to, what=answer.what, at=timestamps.now()))

    def _turn(self, **changes: object) -> None:
        page = self._page.model_copy(update=changes)
        with explained("write the manager bot's notebook", str(self._path)):
            self._files.make_folder(self._path.parent)
            stamp = self._files.stamp(self._path)
            write_durably(self._files, self._path, page.model_dump_json().encode(), stamp)
        self._page = page


def _is_fresh(one: Later) -> bool:
    return timestamps.hours_since(one.since) < _LATER_HOURS


def _read(path: Path) -> _Page:
    try:
        return _Page.model_validate_json(path.read_bytes())
    except ValidationError:
        raise RecordError(
            _DOING,
            whom=str(path),
            cause="it is not as it was written",
            hint="remove it; who waits for an answer of the manager bot writes to it again",
        ) from None
