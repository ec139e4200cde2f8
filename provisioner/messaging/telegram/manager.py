"""The manager bot: what customers do there goes into their records, and they are answered.

One process at a time reads the manager bot's updates, whichever of the waiting runs comes first; the others
look at the records. `decide` says what an update means. Of each update first the record is written, then
that it was handled together with what is to be answered, and when all of a batch are, Telegram is told to
forget them. Only then is anything answered: see `sending`. Killed anywhere in between, nothing is lost and
nothing is said twice; what may be lost is an answer, and any word of the customer brings it again. An
update whose record cannot be written now is postponed, and keeps no other one waiting; so is one that is in
no record, as long as there is a record that cannot be read and may have it.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner import timestamps
from provisioner.customers.record import Customer, Record
from provisioner.customers.store import CustomerStore
from provisioner.errors import BusyError, ProvisionerError, RecordError
from provisioner.filesystem.durable import PRIVATE_FILE
from provisioner.filesystem.locks import locked
from provisioner.messaging.telegram.answers import ONCE, Answer, is_permitted
from provisioner.messaging.telegram.decide import (
    Change,
    Decision,
    Known,
    answer_to,
    decide,
    keys_in,
    may_be_theirs,
)
from provisioner.messaging.telegram.sending import AnswerSender
from provisioner.messaging.telegram.state import STATE_FILE, ManagerState
from provisioner.messaging.telegram.tokens import demand_manager
from provisioner.services.telegram.client import TelegramBot
from provisioner.services.telegram.updates import MadeBot, Unread, Wrote
from provisioner.step import Work

_DOING = "take in what customers did at the manager bot"
STATE_FOLDER = "manager"
"""The name of the folder with the bot's locks and its state."""
REST_SECONDS = 1.0
"""For so long after somebody's look no other one is needed."""
_MOST_BATCHES = 50
"""Of a hundred updates each: what a flood leaves over is taken in by the next look."""
_MOST_ATTEMPTS = 10
"""How often an update is decided on anew because a record has changed meanwhile."""


class ManagerBot:
    """The manager bot of one workspace. `folder` is where its locks and its state are."""

    def __init__(
        self,
        store: CustomerStore,
        folder: Path,
        bot: TelegramBot,
        text: Callable[[str, Mapping[str, object]], str],
    ) -> None:
        """`text` renders a template."""
        self._store = store
        self._lock = folder / "reading.lock"
        self._looked = folder / "looked"
        self._state_path = folder / STATE_FILE
        self._bot = bot
        self._sender = AnswerSender(store, self._state_path, self._lock, folder / "sending.lock", bot, text)

    def username(self) -> str:
        """The manager bot's; SettingsError if it is a bot that may not make others."""
        bot = self._bot.identity()
        demand_manager(bot)
        return bot.username

    def token_of(self, bot_id: str) -> str:
        """The token of a bot that was made here, as it is now."""
        return self._bot.managed_token(bot_id)

    def replace_token(self, bot_id: str) -> None:
        """Have Telegram give a bot that was made here another token; the one before is dead at once."""
        self._bot.replace_managed_token(bot_id)

    def read_updates(self, wait: int = 0) -> None:
        """Take in all that has happened, unless another process is at it or was a moment ago; then answer.

        Waits up to `wait` seconds for something to happen. What goes wrong for one customer is raised when
        everybody else has been looked after.
        """
        if self._was_read():
            return
        try:
            with locked(self._lock, _DOING, "the manager bot", 0):
                self._looked.touch(PRIVATE_FILE)
                problem = self._batch().take_in(wait)
        except BusyError:
            return
        self._sender.send_due()
        if problem is not None:
            raise problem

    def assign_bot(self, who: str) -> None:
        """Give the customer a bot that is known by now to be theirs, if there is one."""
        customer, now = self._store.read(who).customer, timestamps.now()
        if not any(may_be_theirs(customer, made, now) for made in ManagerState(self._state_path).unclaimed):
            return
        with locked(self._lock, _DOING, "the manager bot", 30):
            self._batch().assign_bot(customer.id)
        self._sender.send_due()

    def tell(self, who: str, template: str) -> None:
        """Write to a customer who has spoken with the manager bot, each text once; others are passed over."""
        customer = self._store.read(who).customer
        if customer.setup.messaging.user_id and template not in customer.setup.messaging.told:
            with locked(self._lock, _DOING, "the manager bot", 30):
                self._batch().promise(answer_to(customer, template, timestamps.now()))
        self._sender.send_due()

    def _batch(self) -> "_UpdateBatch":
        return _UpdateBatch(self._store, ManagerState(self._state_path), self._bot)

    def _was_read(self) -> bool:
        try:
            return abs(time.time() - self._looked.stat().st_mtime) < REST_SECONDS
        except FileNotFoundError:
            return False


def manager_of(work: Work) -> ManagerBot:
    """The bot over which the customers of this workspace make theirs; only where its token is set."""
    token = work.settings.telegram_manager_token
    assert token is not None, "only customers who get their bot over it ask for it"
    bot = work.services.telegram(token.get_secret_value())
    return ManagerBot(work.store, work.state_folder(STATE_FOLDER), bot, work.text)


@dataclass
class _UpdateBatch:
    """What one process does about the updates that came, under the lock: the one place that writes them."""

    store: CustomerStore
    state: ManagerState
    bot: TelegramBot

    def __post_init__(self) -> None:
        self._customers: dict[str, Customer] = {}
        self._unreadable: RecordError | None = None

    def take_in(self, wait: int) -> ProvisionerError | None:
        """Handle what came, and what was postponed; the first problem that a customer's record made."""
        updates = self.bot.updates(wait=wait)
        before = self.state.postponed
        self._read_customers(before)
        problems = [self._handle(update, again=True) for update in before]
        for _ in range(_MOST_BATCHES):
            if not updates:
                break
            self._read_customers(updates)
            new = [update for update in updates if not self.state.is_handled(update.id)]
            problems += [self._handle(update) for update in new if not isinstance(update, Unread)]
            updates = self.bot.updates(after=updates[-1].id)
        self.state.forget_handled()
        return next(filter(None, problems), None)

    def assign_bot(self, customer_id: str) -> None:
        """Give the customer the first bot that is theirs by what the records say now."""
        self._read_customers(self.state.unclaimed)
        for made in self.state.unclaimed:
            if self._decide(made, timestamps.now()).owner == customer_id:
                answer = self._carry_out(made)
                if answer is not None:
                    self.promise(answer)
                return

    def promise(self, answer: Answer) -> None:
        """Have it sent, unless it was said before or is more than anybody gets."""
        if self._is_news(answer):
            self.state.promise(answer)

    def _handle(self, update: Wrote | MadeBot, *, again: bool = False) -> ProvisionerError | None:
        """Write down what the update says, and what is to be answered; the problem, if it has to wait."""
        try:
            answer = self._carry_out(update)
            if answer is not None and self._is_news(answer):
                self.state.handle(update.id, answer)
        except ProvisionerError as problem:
            self.state.postpone(update)
            return problem
        if again:
            self.state.caught_up(update)
        return None

    def _carry_out(self, update: Wrote | MadeBot) -> Answer | None:
        """Do what is decided about the update, but for the answer."""
        decision = self._written(update)
        if decision.postponed and self._unreadable is not None:
            raise self._unreadable
        if decision.unclaimed is not None:
            self.state.keep(decision.unclaimed)
        if decision.claimed is not None:
            self.state.drop(decision.claimed.bot.id)
        return decision.answer

    def _written(self, update: Wrote | MadeBot) -> Decision:
        """The decision, with its changes in the records; each is decided on once more under its lock."""
        now = timestamps.now()
        decision = self._decide(update, now)
        for _ in range(_MOST_ATTEMPTS):
            if not decision.changes:
                return decision
            wanted = decision.changes[0]
            with self.store.edit(wanted.customer_id, _DOING) as record:
                self._customers[wanted.customer_id] = record.customer
                decision = self._decide(update, now)
                agreed = decision.changes[:1] == (wanted,)
                if agreed:
                    _write(wanted, record)
            self._customers[wanted.customer_id] = record.customer
            if agreed and len(decision.changes) == 1:
                return decision
            decision = self._decide(update, now)
        raise RecordError(_DOING, cause="the records went on changing at the same time", retry=True)

    def _decide(self, update: Wrote | MadeBot, now: str) -> Decision:
        known = Known(self._customers.values(), self.state.unclaimed, complete=self._unreadable is None)
        return decide(update, known, now)

    def _is_news(self, answer: Answer) -> bool:
        """Whether it is to be said at all; what is said once only is written down as said."""
        if not is_permitted(answer, self.state.unsent, self.state.promised):
            return False
        return answer.what not in ONCE or _mark_told(self.store, answer)

    def _read_customers(self, updates: Iterable[Wrote | MadeBot | Unread]) -> None:
        """Everybody whom these updates may mean, and no record of anybody else."""
        wanted = {key for update in updates for key in keys_in(update)}
        here = [one for one in self.store.having(*wanted) if not one.archived]
        self._customers = {one.customer.id: one.customer for one in here if one.customer is not None}
        self._unreadable = next((one.broken for one in here if one.broken is not None), None)


def _write(change: Change, record: Record) -> None:
    record.update(change.fields)
    for event, details in change.events:
        record.add_event(event, details)


def _mark_told(store: CustomerStore, answer: Answer) -> bool:
    """Write down that it is told, before it is promised; False if it was told before."""
    with store.edit(answer.customer_id, _DOING) as record:
        told = record.customer.setup.messaging.told
        if answer.what in told:
            return False
        record.set("setup.messaging.told", [*told, answer.what])
    return True
