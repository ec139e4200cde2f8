"""Sending the manager bot's answers; no reading of updates waits for it, nor any person for another one.

An answer is taken off the list before it is sent, and put back where it certainly was not: after Telegram
has asked for a pause, or could not be reached. It is tried a few times within a day, and then dropped. Killed
in between, or without knowing whether it arrived, nothing is said twice; what may be lost is an answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.customers.store import CustomerStore
from provisioner.errors import BusyError, ProvisionerError, TelegramError, UnknownCustomer
from provisioner.filesystem.locks import locked
from provisioner.messaging.telegram import replies
from provisioner.messaging.telegram.answers import STRANGER, WHERE_THEY_ARE, Answer, next_due
from provisioner.messaging.telegram.replies import Reply
from provisioner.messaging.telegram.state import ManagerState
from provisioner.services.telegram.client import (
    AccountGone,
    BotTokenRefused,
    ChatClosed,
    TelegramBot,
    TelegramBusy,
)
from provisioner.services.telegram.updates import Person

_DOING = "answer what was written to the manager bot"
_LOCK_SECONDS = 10.0
_CALL_SECONDS = 5.0
_MOST_IN_A_ROUND = 20
_MOST_TROUBLES = 3
"""After so many in one round it is Telegram's trouble and no person's: the rest waits for the next one."""
_PAUSE_SECONDS = 10.0
"""Where Telegram does not say how long."""
_MENDING_SECONDS = 120.0
"""Until an answer is tried again of which the text or the record was wrong."""


@dataclass
class AnswerSender:
    """Sends what one manager bot has to answer.

    `lock` is the state's; under `sending` one process at a time sends.
    """

    store: CustomerStore
    state_path: Path
    lock: Path
    sending: Path
    bot: TelegramBot
    text: Callable[[str, Mapping[str, object]], str]

    def send_due(self) -> None:
        """Send what is due, a bounded number, unless another process is at it.

        What one answer cannot be worded for, such as a template that is wrong, is raised when the others
        are sent.
        """
        try:
            with locked(self.sending, _DOING, "the manager bot", 0):
                problem = self._round(self.bot.impatient(_CALL_SECONDS))
        except BusyError:
            # They, or who comes next, send ours too.
            return
        if problem is not None:
            raise problem

    def _round(self, bot: TelegramBot) -> ProvisionerError | None:
        troubles, problem = 0, None
        for _ in range(_MOST_IN_A_ROUND):
            answer = self._taken()
            if answer is None:
                break
            try:
                reply = self._worded(answer)
            except ProvisionerError as wrong:
                self._put_back(answer, _MENDING_SECONDS)
                problem = problem or wrong
                continue
            troubles += reply is not None and not self._sent(answer, reply, bot)
            if troubles >= _MOST_TROUBLES:
                break
        return problem

    def _taken(self) -> Answer | None:
        """The next answer, off the list; those that are over go with it."""
        if not ManagerState(self.state_path).unsent:
            return None
        with locked(self.lock, _DOING, "the manager bot", _LOCK_SECONDS):
            state = ManagerState(self.state_path)
            state.forget_unsent(one for one in state.unsent if one.is_over)
            answer = next_due(state.unsent)
            if answer is not None:
                state.take(answer)
            return answer

    def _sent(self, answer: Answer, reply: Reply, bot: TelegramBot) -> bool:
        """Send it, or put it back; False if that may be Telegram's trouble rather than this person's."""
        try:
            bot.send(reply.to, reply.text, reply.keyboard)
        except TelegramBusy as busy:
            self._put_back(answer, _PAUSE_SECONDS if busy.wait is None else busy.wait)
            return False
        except BotTokenRefused:
            # Whoever reads the bot's messages next says it.
            self._put_back(answer, _PAUSE_SECONDS)
            return False
        except (ChatClosed, AccountGone):
            return True
        except TelegramError:
            # It was refused, or it may have arrived: saying it again helps nobody.
            return False
        return True

    def _worded(self, answer: Answer) -> Reply | None:
        """The answer in words, as things are now; None if there is nothing to say any more."""
        if answer.to_stranger:
            return replies.to_stranger(Person(answer.to), answer.what.removeprefix(STRANGER), self.text)
        try:
            customer = self.store.read(answer.customer_id).customer
        except UnknownCustomer:
            return None
        if customer.setup.messaging.user_id != answer.to:
            return None
        if answer.what == WHERE_THEY_ARE:
            return replies.where_they_are(customer, self.text)
        return replies.about(customer, answer.what, self.text)

    def _put_back(self, answer: Answer, pause: float) -> None:
        with locked(self.lock, _DOING, "the manager bot", _LOCK_SECONDS):
            ManagerState(self.state_path).put_back(answer.after(pause))
