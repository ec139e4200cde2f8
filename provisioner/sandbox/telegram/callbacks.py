"""Presses of inline buttons that wait for the bot's answer."""

import itertools
from dataclasses import dataclass

ANSWER_WITHIN = 15.0
"""Seconds in which a bot may answer a press; after that Telegram calls the query too old."""


@dataclass
class Press:
    """One press; `answer` is what the bot showed for it, None while it has not answered."""

    id: str
    bot_id: int
    user_id: int
    at: float
    answer: str | None = None
    alert: bool = False


class Callbacks:
    """All presses, by id. Guarded by the world's lock."""

    def __init__(self) -> None:
        self._ids = itertools.count(4_100_000_000_000_001)
        self._presses: dict[str, Press] = {}

    def add(self, bot_id: int, user_id: int, now: float) -> Press:
        press = Press(str(next(self._ids)), bot_id, user_id, now)
        self._presses[press.id] = press
        return press

    def answer(self, press_id: str, bot_id: int, *, text: str, alert: bool, now: float) -> bool:
        """Whether this was a press of this bot's button that it could still answer."""
        press = self._presses.get(press_id)
        if (
            press is None
            or press.bot_id != bot_id
            or press.answer is not None
            or now - press.at > ANSWER_WITHIN
        ):
            return False
        press.answer, press.alert = text, alert
        return True
