"""The answers that the manager bot has to send, and how many anybody gets.

Each person is told the same thing once as long as it has not been sent. Beyond that there is a limit for
each person, and one for all strangers together: what a stranger writes brings no more than a handful of
messages.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

from provisioner import timestamps

BOT_IS_YOURS: Final = "manager-bot.txt"
SERVER_IS_READY: Final = "manager-ready.txt"
ONCE: Final = (BOT_IS_YOURS, SERVER_IS_READY)
"""What a customer reads once only."""
WHERE_THEY_ARE: Final = "where they are"
STRANGER: Final = "stranger: "
"""In front of why somebody is none of ours."""
MOST_TRIES = 5
LONGEST_HOURS = 24.0
"""Nobody waits for an answer any longer."""


class Answer(BaseModel):
    """One answer: to whom, and about what. Its words are made when it is sent."""

    model_config = ConfigDict(frozen=True)

    to: str
    what: str
    """`WHERE_THEY_ARE`, `STRANGER` and why, or a template."""
    customer_id: str = ""
    since: str
    tries: int = 0
    not_before: str = ""

    @property
    def to_stranger(self) -> bool:
        return self.what.startswith(STRANGER)

    @property
    def is_over(self) -> bool:
        """Whether it was tried often enough, or is so old that nobody waits for it."""
        return self.tries >= MOST_TRIES or timestamps.hours_since(self.since) > LONGEST_HOURS

    @property
    def is_due(self) -> bool:
        return not self.not_before or timestamps.hours_since(self.not_before) >= 0

    def after(self, pause: float) -> "Answer":
        """The same after a try that was refused, not before `pause` seconds have gone by."""
        until = timestamps.in_hours((pause + 1) / 3600) if pause else ""
        return self.model_copy(update={"tries": self.tries + 1, "not_before": until})


class Promise(BaseModel):
    """An answer that somebody was promised lately."""

    model_config = ConfigDict(frozen=True)

    to: str
    what: str
    at: str


@dataclass(frozen=True)
class _Limit:
    most: int
    hours: float


_EACH_CUSTOMER = _Limit(20, 1)
_EACH_STRANGER = _Limit(3, 24)
_ALL_STRANGERS = _Limit(20, 1)
"""For each reason: who floods us with words keeps nobody from hearing that their link has expired."""


def is_permitted(answer: Answer, unsent: Iterable[Answer], promised: Iterable[Promise]) -> bool:
    """Whether the answer may be promised, after all that was, and that is not sent yet."""
    if any(
        (one.to, one.what, one.customer_id) == (answer.to, answer.what, answer.customer_id) for one in unsent
    ):
        return False
    if answer.to_stranger:
        strangers = [one for one in promised if one.what.startswith(STRANGER)]
        to_them = [one for one in strangers if one.to == answer.to]
        alike = [one for one in strangers if one.what == answer.what]
        return _leaves_room(_EACH_STRANGER, to_them) and _leaves_room(_ALL_STRANGERS, alike)
    if answer.what == WHERE_THEY_ARE:
        alike = [one for one in promised if (one.to, one.what) == (answer.to, answer.what)]
        return _leaves_room(_EACH_CUSTOMER, alike)
    # A template that is sent as something happens is sent once for that.
    return True


def next_due(unsent: Iterable[Answer]) -> Answer | None:
    """The answer whose turn it is: customers first, and to each person in the order of what happened."""
    waits: set[str] = set()
    due: list[Answer] = []
    for one in unsent:
        if one.to not in waits and one.is_due:
            due.append(one)
        waits.add(one.to)
    return min(due, key=lambda one: one.to_stranger, default=None)


def _leaves_room(limit: _Limit, promised: Iterable[Promise]) -> bool:
    return sum(timestamps.hours_since(one.at) < limit.hours for one in promised) < limit.most
