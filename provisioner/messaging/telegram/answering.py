"""Sending what the manager bot owes. Nobody's taking in waits for it, and no person's trouble for another's.

An answer is taken off the notebook before it is sent, and put back where it certainly was not: after Telegram
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
from provisioner.messaging.telegram.owed import STRANGER, WHERE_THEY_ARE, Owed, next_due
from provisioner.messaging.telegram.replies import Reply
from provisioner.messaging.telegram.state import Notebook
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
class Answering:
    """What one manager bot owes. `lock` is the notebook's; under `ours` one process at a time answers."""

    store: CustomerStore
    notebook_path: Path
    lock: Path
    ours: Path
    bot: TelegramBot
    text: Callable[[str, Mapping[str, object]], str]

    def send_due(self) -> None:
        """Send what is due, a bounded number, unless another process is at it.

        What one answer cannot be worded for, such as a template that is wrong, is raised when the others
        are sent.
        """
        try:
            with locked(self.ours, _DOING, "the manager bot", 0):
                problem = self._round(self.bot.impatient(_CALL_SECONDS))
        except BusyError:
            # They, or who comes next, send ours too.
            return
        if problem is not None:
            raise problem

    def _round(self, bot: TelegramBot) -> ProvisionerError | None:
        troubles, problem = 0, None
        for _ in range(_MOST_IN_A_ROUND):
            owed = self._taken()
            if owed is None:
                break
            try:
                reply = self._worded(owed)
            except ProvisionerError as wrong:
                self._put_back(owed, _MENDING_SECONDS)
                problem = problem or wrong
                continue
            troubles += reply is not None and not self._sent(owed, reply, bot)
            if troubles >= _MOST_TROUBLES:
                break
        return problem

    def _taken(self) -> Owed | None:
        """The next answer, off the notebook; those that are over go with it."""
        if not Notebook(self.notebook_path).owed:
            return None
        with locked(self.lock, _DOING, "the manager bot", _LOCK_SECONDS):
            notebook = Notebook(self.notebook_path)
            notebook.forget_owed(one for one in notebook.owed if one.is_over)
            owed = next_due(notebook.owed)
            if owed is not None:
                notebook.take(owed)
            return owed

    def _sent(self, owed: Owed, reply: Reply, bot: TelegramBot) -> bool:
        """Send it, or put it back; False if that may be Telegram's trouble rather than this person's."""
        try:
            bot.send(reply.to, reply.text, reply.keyboard)
        except TelegramBusy as busy:
            self._put_back(owed, _PAUSE_SECONDS if busy.wait is None else busy.wait)
            return False
        except BotTokenRefused:
            # Whoever reads the bot's messages next says it.
            self._put_back(owed, _PAUSE_SECONDS)
            return False
        except (ChatClosed, AccountGone):
            return True
        except TelegramError:
            # It may have arrived: saying it again helps nobody.
            return False
        return True

    def _worded(self, owed: Owed) -> Reply | None:
        """The answer in words, as things are now; None if there is nothing to say any more."""
        if owed.to_stranger:
            return replies.to_stranger(Person(owed.to), owed.what.removeprefix(STRANGER), self.text)
        try:
            customer = self.store.read(owed.customer_id).customer
        except UnknownCustomer:
            return None
        if customer.setup.messaging.user_id != owed.to:
            return None
        if owed.what == WHERE_THEY_ARE:
            return replies.where_they_are(customer, self.text)
        return replies.about(customer, owed.what, self.text)

    def _put_back(self, owed: Owed, pause: float) -> None:
        with locked(self.lock, _DOING, "the manager bot", _LOCK_SECONDS):
            Notebook(self.notebook_path).put_back(owed.after(pause))
