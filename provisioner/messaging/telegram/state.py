"""What is known of the manager bot's updates between two looks: one small file, replaced whole.

Which updates were dealt with and not acknowledged yet, by number. An offset alone would not do: after a week
without updates Telegram may go on with lower numbers, and asking from an old offset on would lose those.
The bots that somebody made of whom it is not known yet which customer they are. The updates that could not be
written into a record yet. And the answers that are not sent yet, with those that were promised lately.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from provisioner import timestamps
from provisioner.errors import RecordError
from provisioner.filesystem.durable import Files, explained, write_durably
from provisioner.messaging.telegram.answers import Answer, Promise
from provisioner.services.telegram.updates import BotIdentity, MadeBot, Person, Wrote

_UNCLAIMED_HOURS = 24 * 30
_UNCLAIMED_MOST = 500
_POSTPONED_HOURS = 24
_POSTPONED_MOST = 200
_UNSENT_MOST = 500
_PROMISED_HOURS = 24
_PROMISED_MOST = 2000
STATE_FILE = "state.json"
_OLDER_NAME = "notebook.json"
"""What older versions called the file."""
_DOING = "read the manager bot's state"


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


class Postponed(BaseModel):
    """An update that could not be dealt with when it came, such as for a record that is broken."""

    model_config = ConfigDict(frozen=True)

    update: Wrote | MadeBot
    since: str


def _field(name: str, older: str) -> Any:
    """An empty list, which older versions wrote under another name."""
    return Field(default=(), validation_alias=AliasChoices(name, older))


class _Stored(BaseModel):
    handled: tuple[int, ...] = ()
    unclaimed: tuple[Unclaimed, ...] = ()
    postponed: tuple[Postponed, ...] = _field("postponed", "later")
    unsent: tuple[Answer, ...] = _field("unsent", "owed")
    promised: tuple[Promise, ...] = _field("promised", "given")


class ManagerState:
    """Changed only by who holds the manager bot's lock; every change is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        """RecordError if the file holds anything else."""
        self._path = path
        self._files = Files()
        self._stored = _Stored()
        with explained(_DOING, str(path)):
            for written in (path, path.with_name(_OLDER_NAME)):
                if written.exists():
                    self._stored = _read(written)
                    break

    @property
    def unclaimed(self) -> list[MadeBot]:
        return [bot.made for bot in self._stored.unclaimed]

    @property
    def postponed(self) -> list[Wrote | MadeBot]:
        """What was put off and is still worth dealing with."""
        return [one.update for one in self._stored.postponed if _is_fresh(one)]

    @property
    def unsent(self) -> tuple[Answer, ...]:
        return self._stored.unsent

    @property
    def promised(self) -> tuple[Promise, ...]:
        return self._stored.promised

    def is_handled(self, update_id: int) -> bool:
        """Whether it was dealt with, or put off."""
        postponed = [one.update.id for one in self._stored.postponed]
        return update_id in (*self._stored.handled, *postponed)

    def handle(self, update_id: int, answer: Answer) -> None:
        """The update was dealt with, and this is to be answered."""
        handled = (*self._stored.handled, update_id)
        self._save(handled=handled, **self._with(answer))

    def promise(self, answer: Answer) -> None:
        """Something is to be said that answers no update."""
        self._save(**self._with(answer))

    def take(self, answer: Answer) -> None:
        """The answer is about to be sent: it is not unsent any more."""
        self._save(unsent=tuple(one for one in self._stored.unsent if one != answer))

    def put_back(self, answer: Answer) -> None:
        """It was certainly not sent; what is said to this person later stays behind it."""
        self._save(unsent=(answer, *self._stored.unsent)[:_UNSENT_MOST])

    def forget_unsent(self, answers: Iterable[Answer]) -> None:
        gone = set(answers)
        if gone:
            self._save(unsent=tuple(one for one in self._stored.unsent if one not in gone))

    def postpone(self, update: Wrote | MadeBot) -> None:
        """Deal with it at another look; what somebody does several times is dealt with once."""
        fresh = [one for one in self._stored.postponed if _is_fresh(one)]
        if all(replace(one.update, id=update.id) != update for one in fresh):
            new = Postponed(update=update, since=timestamps.now())
            self._save(postponed=(*fresh[1 - _POSTPONED_MOST :], new))

    def caught_up(self, update: Wrote | MadeBot) -> None:
        """It was put off, and is dealt with by now."""
        self._save(postponed=tuple(one for one in self._stored.postponed if one.update != update))

    def forget_handled(self) -> None:
        """All of them are acknowledged: none comes again."""
        if self._stored.handled:
            self._save(handled=())

    def keep(self, made: MadeBot) -> None:
        """Remember a bot until it is known whose it is."""
        others = [bot for bot in self._stored.unclaimed if bot.bot_id != made.bot.id]
        fresh = [bot for bot in others if timestamps.hours_since(bot.since) < _UNCLAIMED_HOURS]
        new = Unclaimed(
            user_id=made.who.id,
            username=made.who.username,
            bot_id=made.bot.id,
            bot_username=made.bot.username,
            since=timestamps.now(),
        )
        self._save(unclaimed=(*fresh[1 - _UNCLAIMED_MOST :], new))

    def drop(self, bot_id: str) -> None:
        """It is known whose it is."""
        if any(bot.bot_id == bot_id for bot in self._stored.unclaimed):
            self._save(unclaimed=tuple(bot for bot in self._stored.unclaimed if bot.bot_id != bot_id))

    def _with(self, answer: Answer) -> dict[str, object]:
        """The two lists with an answer that is promised now."""
        recent = [one for one in self._stored.promised if timestamps.hours_since(one.at) < _PROMISED_HOURS]
        promise = Promise(to=answer.to, what=answer.what, at=timestamps.now())
        return {
            "unsent": (*self._stored.unsent, answer)[-_UNSENT_MOST:],
            "promised": (*recent[1 - _PROMISED_MOST :], promise),
        }

    def _save(self, **changes: object) -> None:
        stored = self._stored.model_copy(update=changes)
        with explained("write the manager bot's state", str(self._path)):
            self._files.make_folder(self._path.parent)
            stamp = self._files.stamp(self._path)
            write_durably(self._files, self._path, stored.model_dump_json().encode(), stamp)
            self._path.with_name(_OLDER_NAME).unlink(missing_ok=True)
        self._stored = stored


def _is_fresh(one: Postponed) -> bool:
    return timestamps.hours_since(one.since) < _POSTPONED_HOURS


def _read(path: Path) -> _Stored:
    try:
        return _Stored.model_validate_json(path.read_bytes())
    except ValidationError:
        raise RecordError(
            _DOING,
            whom=str(path),
            cause="it is not as it was written",
            hint="remove it; who waits for an answer of the manager bot writes to it again",
        ) from None
