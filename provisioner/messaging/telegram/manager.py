"""The manager bot's desk: what customers do there goes into their records, and they are answered.

One process at a time reads the manager bot's updates, whoever of the waiting runs comes first; the others
look at the records. Of each update first the record is written, then that it was dealt with together with
what is to be answered, and when all of a batch are, Telegram is told to forget them. Only then is anything
answered: see `answering`. Killed anywhere in between, nothing is lost and nothing is said twice; what may be
lost is an answer, and any word of the customer brings it again. An update whose record cannot be written now
is put off, and keeps no other one waiting; so is one that is in no record, as long as there is a record that
cannot be read and may have it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from provisioner import timestamps
from provisioner.customers.record import Customer, Record
from provisioner.customers.store import CustomerStore
from provisioner.errors import BusyError, ProvisionerError, RecordError
from provisioner.filesystem.durable import PRIVATE_FILE
from provisioner.filesystem.locks import locked
from provisioner.messaging.telegram import links
from provisioner.messaging.telegram.answering import Answering
from provisioner.messaging.telegram.owed import STRANGER, WHERE_THEY_ARE, Owed, is_permitted
from provisioner.messaging.telegram.state import Notebook
from provisioner.messaging.telegram.tokens import demand_manager
from provisioner.services.telegram.client import TelegramBot
from provisioner.services.telegram.updates import MadeBot, Person, Unread, Wrote
from provisioner.step import Work

_DOING = "take in what customers did at the manager bot"
STATE_FOLDER = "manager"
"""The name of the folder with its lock and its notebook."""
REST_SECONDS = 1.0
"""For so long after somebody's look no other one is needed."""
_MOST_BATCHES = 50
"""Of a hundred updates each: what a flood leaves over is taken in by the next look."""
_BOT_IS_YOURS = "manager-bot.txt"
_ONCE = (_BOT_IS_YOURS, "manager-ready.txt")
"""What a customer reads once only."""


class ManagerDesk:
    """The manager bot of one workspace. `folder` is where its lock and its notebook are."""

    def __init__(
        self,
        store: CustomerStore,
        folder: Path,
        bot: TelegramBot,
        text: Callable[[str, Mapping[str, object]], str],
    ) -> None:
        """`text` renders a template."""
        self._store = store
        self._lock = folder / "desk.lock"
        self._looked = folder / "looked"
        self._notebook_path = folder / "notebook.json"
        self._bot = bot
        ours = folder / "answering.lock"
        self._answering = Answering(store, self._notebook_path, self._lock, ours, bot, text)

    def username(self) -> str:
        """The manager bot's; SettingsError if it is a bot that may not make others."""
        bot = self._bot.identity()
        demand_manager(bot)
        return bot.username

    def token_of(self, bot_id: str) -> str:
        """The token of a bot that was made here, as it is now."""
        return self._bot.managed_token(bot_id)

    def attend(self, wait: int = 0) -> None:
        """Take in all that has happened, unless another process is at it or was a moment ago; then answer.

        Waits up to `wait` seconds for something to happen. What goes wrong for one customer is raised when
        everybody else has been looked after.
        """
        if self._was_attended():
            return
        try:
            with locked(self._lock, _DOING, "the manager bot", 0):
                self._looked.touch(PRIVATE_FILE)
                problem = self._sit().take_in(wait)
        except BusyError:
            return
        self._answering.send_due()
        if problem is not None:
            raise problem

    def adopt(self, who: str) -> None:
        """Give the customer a bot that is known by now to be theirs, if there is one."""
        customer = self._store.read(who).customer
        if not any(_is_theirs(customer, made) for made in Notebook(self._notebook_path).unclaimed):
            return
        with locked(self._lock, _DOING, "the manager bot", 30):
            self._sit().adopt(who)
        self._answering.send_due()

    def tell(self, who: str, template: str) -> None:
        """Write to a customer who has spoken with the manager bot, each text once; others are passed over."""
        customer = self._store.read(who).customer
        if customer.setup.messaging.user_id and template not in customer.setup.messaging.told:
            with locked(self._lock, _DOING, "the manager bot", 30):
                self._sit().tell(customer, template)
        self._answering.send_due()

    def _sit(self) -> "_Sitting":
        return _Sitting(self._store, Notebook(self._notebook_path), self._bot)

    def _was_attended(self) -> bool:
        try:
            return abs(time.time() - self._looked.stat().st_mtime) < REST_SECONDS
        except FileNotFoundError:
            return False


def manager_of(work: Work) -> ManagerDesk:
    """The bot over which the customers of this workspace make theirs; only where its token is set."""
    token = work.settings.telegram_manager_token
    assert token is not None, "only customers who get their bot over it ask for it"
    bot = work.services.telegram(token.get_secret_value())
    return ManagerDesk(work.store, work.state_folder(STATE_FOLDER), bot, work.text)


@dataclass
class _Sitting:
    """One process's time at the desk, under its lock."""

    store: CustomerStore
    notebook: Notebook
    bot: TelegramBot

    def __post_init__(self) -> None:
        self._customers: dict[str, Customer] = {}
        self._unreadable: RecordError | None = None

    def take_in(self, wait: int) -> ProvisionerError | None:
        """Deal with what came, and with what was put off; the first problem that a customer's record made."""
        updates = self.bot.updates(wait=wait)
        before = self.notebook.later
        if updates or before:
            self._customers = {customer.id: customer for customer in self._everybody()}
        problems = [self._deal_with(update, again=True) for update in before]
        for _ in range(_MOST_BATCHES):
            if not updates:
                break
            new = [update for update in updates if not self.notebook.is_handled(update.id)]
            problems += [self._deal_with(update) for update in new if not isinstance(update, Unread)]
            updates = self.bot.updates(after=updates[-1].id)
        self.notebook.forget_handled()
        return next(filter(None, problems), None)

    def adopt(self, who: str) -> None:
        customer = self.store.read(who).customer
        self._customers = {one.id: one for one in self._everybody()}
        for made in self.notebook.unclaimed:
            if _is_offered(customer, made) or self._known_as(made.who) == customer:
                answer = self._take_bot(customer, made)
                if answer is not None and self._is_news(answer):
                    self.notebook.owe(answer)
                return

    def tell(self, customer: Customer, template: str) -> None:
        answer = _owed_to(customer, template)
        if self._is_news(answer):
            self.notebook.owe(answer)

    def _deal_with(self, update: Wrote | MadeBot, *, again: bool = False) -> ProvisionerError | None:
        """Write down what the update says, and what is to be answered; the problem, if it has to wait."""
        try:
            answer = self._made(update) if isinstance(update, MadeBot) else self._wrote(update)
            if answer is not None and self._is_news(answer):
                self.notebook.handle(update.id, answer)
        except ProvisionerError as problem:
            self.notebook.put_off(update)
            return problem
        if again:
            self.notebook.caught_up(update)
        return None

    def _is_news(self, answer: Owed) -> bool:
        """Whether it is to be said at all; what is said once only is written down as said."""
        if not is_permitted(answer, self.notebook.owed, self.notebook.given):
            return False
        return answer.what not in _ONCE or _mark_told(self.store, answer)

    def _wrote(self, update: Wrote) -> Owed | None:
        code = update.payload
        opened = next((one for one in self._customers.values() if code and links.has_code(one, code)), None)
        if code and opened is not None:
            refusal = self._open_link(opened, code, update.who)
            if refusal is not None:
                return _owed_to_stranger(update.who, refusal)
            return self._bot_made_before(opened.id, update.who) or self._where_they_are(opened.id)
        theirs = [one for one in self._customers.values() if one.setup.messaging.user_id == update.who.id]
        if self._unreadable is not None and (code or not theirs):
            raise self._unreadable
        if not theirs:
            return _owed_to_stranger(update.who, "unknown")
        # Of the others a server may have told the id; who used a link was heard by Telegram's word.
        first = max(theirs, key=lambda one: (links.wants_bot(one), links.was_used(one)))
        return self._where_they_are(first.id)

    def _open_link(
        self, customer: Customer, code: str, who: Person
    ) -> links.Refusal | Literal["unknown"] | None:
        """Tie the person to the customer whose link they opened, if they may use it."""
        with self._editing(customer) as record:
            if not links.has_code(record.customer, code):
                # The link was renewed since this sitting read the records.
                return "unknown"
            refusal = links.refusal_of(record.customer, who)
            if refusal is not None:
                _note_once(record, "link_refused", f"{who} opened the link: {refusal}")
            elif record.customer.setup.messaging.link and not record.customer.setup.messaging.link.used_at:
                _tie(record, who)
                record.add_event("link_used", f"{who} opened the link")
        return refusal

    def _bot_made_before(self, customer_id: str, who: Person) -> Owed | None:
        """The bot that this person made before it was known who they are."""
        customer = self._customers[customer_id]
        made = next((made for made in self.notebook.unclaimed if made.who.id == who.id), None)
        if made is None or not links.wants_bot(customer):
            return None
        return self._take_bot(customer, made)

    def _made(self, update: MadeBot) -> Owed | None:
        everybody = self._customers.values()
        known = next((one for one in everybody if one.setup.messaging.bot_id == update.bot.id), None)
        if known is not None:
            # Killed before it was answered, or the bot has got another token or owner.
            return _owed_to(known, _BOT_IS_YOURS) if known.setup.messaging.user_id else None
        waiting = [one for one in everybody if links.wants_bot(one)]
        for customer in waiting:
            if links.is_offered(customer, update.bot):
                refusal = links.refusal_of(customer, update.who)
                if refusal is None:
                    return self._take_bot(customer, update)
                self._note_refusal(customer, update, refusal)
        maker = self._known_as(update.who)
        if maker is not None:
            return self._take_bot(maker, update)
        self.notebook.keep(update)
        return None

    def _known_as(self, who: Person) -> Customer | None:
        """The customer who waits for this person's bot: known by the id, or the only one by the username.

        Anybody can sign up with somebody else's username: of several who have it none is believed, and the
        bot is kept until its maker opens a link.
        """
        waiting = (one for one in self._customers.values() if links.wants_bot(one))
        claimants = [one for one in waiting if links.is_made_by(one, who)]
        by_id = [one for one in claimants if one.setup.messaging.user_id]
        return next(iter(by_id or claimants), None) if by_id or len(claimants) == 1 else None

    def _take_bot(self, customer: Customer, made: MadeBot) -> Owed | None:
        """Make it the customer's; None, and it is kept, if their record says by now that it is not theirs."""
        with self._editing(customer) as record:
            theirs = _is_theirs(record.customer, made)
            if theirs:
                _tie(record, made.who)
                record.set("setup.messaging.botId", made.bot.id)
                record.set("setup.messaging.botUsername", made.bot.username)
                record.set("setup.messaging.managed", True)
                record.set("setup.messaging.link.suggested", None)
                record.add_event("bot_created", f"{made.who} created @{made.bot.username}")
        if not theirs:
            self.notebook.keep(made)
            return None
        self.notebook.drop(made.bot.id)
        return _owed_to(self._customers[customer.id], _BOT_IS_YOURS)

    def _note_refusal(self, customer: Customer, made: MadeBot, refusal: links.Refusal) -> None:
        with self._editing(customer) as record:
            details = f"{made.who} created @{made.bot.username} over the link: {refusal}"
            _note_once(record, "link_refused", details)

    def _where_they_are(self, customer_id: str) -> Owed:
        return _owed_to(self._customers[customer_id], WHERE_THEY_ARE)

    @contextmanager
    def _editing(self, customer: Customer) -> Iterator[Record]:
        with self.store.edit(customer.id, _DOING) as record:
            yield record
        self._customers[customer.id] = record.customer

    def _everybody(self) -> Iterator[Customer]:
        for listing in self.store.all():
            if listing.customer is not None:
                yield listing.customer
            self._unreadable = self._unreadable or listing.broken


def _is_theirs(customer: Customer, made: MadeBot) -> bool:
    """Whether a bot that was made may be the one that this customer is waited for to make."""
    claimed = links.wants_bot(customer) and links.is_made_by(customer, made.who)
    return claimed or _is_offered(customer, made)


def _is_offered(customer: Customer, made: MadeBot) -> bool:
    """Whether it has the username that only this customer was offered, and its maker may be them."""
    offered = links.is_offered(customer, made.bot) and links.refusal_of(customer, made.who) is None
    return links.wants_bot(customer) and offered


def _tie(record: Record, who: Person) -> None:
    """From here on this person is the customer, and nobody else can be."""
    messaging = record.customer.setup.messaging
    record.set("setup.messaging.userId", who.id)
    if messaging.link is not None and not messaging.link.used_at:
        record.set("setup.messaging.link.usedAt", timestamps.now())
    if not messaging.username and who.username:
        record.set("setup.messaging.username", f"@{who.username}")


def _note_once(record: Record, event: str, details: str) -> None:
    """A stranger who presses a hundred times is one event."""
    if not any((one.event, one.details) == (event, details) for one in record.customer.timeline):
        record.add_event(event, details)


def _owed_to(customer: Customer, what: str) -> Owed:
    """For a customer who is known by their id."""
    user_id = customer.setup.messaging.user_id or ""
    return Owed(to=user_id, what=what, customer_id=customer.id, since=timestamps.now())


def _owed_to_stranger(who: Person, why: str) -> Owed:
    return Owed(to=who.id, what=f"{STRANGER}{why}", since=timestamps.now())


def _mark_told(store: CustomerStore, answer: Owed) -> bool:
    """Write down that it is told, before it is owed; False if it was told before."""
    with store.edit(answer.customer_id, _DOING) as record:
        told = record.customer.setup.messaging.told
        if answer.what in told:
            return False
        record.set("setup.messaging.told", [*told, answer.what])
    return True
