"""What an update of the manager bot means: from it and the records to what is to be written and answered.

Pure functions: they read no file and no clock, and what they decide is done by whoever asked. A decision is
good for the records that it was made from: the writer decides again on each record that it is about to
change, as that is under its lock.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from provisioner.customers.keys import AWAITS_BOT, Key
from provisioner.customers.record import Customer
from provisioner.messaging.telegram import links
from provisioner.messaging.telegram.answers import BOT_IS_YOURS, STRANGER, WHERE_THEY_ARE, Answer
from provisioner.services.telegram.updates import MadeBot, Person, Unread, Wrote


@dataclass(frozen=True)
class Known:
    """What an update is understood from: at least those whom `keys_in` finds."""

    customers: Collection[Customer]
    unclaimed: Sequence[MadeBot] = ()
    """Bots that somebody made of whom it was not known which customer they are."""
    complete: bool = True
    """Whether all records could be read: if not, a stranger may be one of those in the others."""


@dataclass(frozen=True)
class Change:
    """Fields (dotted path to value) and events (name and details) for one record."""

    customer_id: str
    fields: Mapping[str, object] = field(default_factory=dict)
    events: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Decision:
    """What is to be done about an update; without anything in it, nothing."""

    changes: tuple[Change, ...] = ()
    answer: Answer | None = None
    claimed: MadeBot | None = None
    """A bot of which it is known now whose it is; the last of the changes is the owner's."""
    unclaimed: MadeBot | None = None
    """A bot to be remembered until it is known whose it is."""
    postponed: bool = False
    """Whether it cannot be told yet what the update means, for want of a record."""

    @property
    def owner(self) -> str | None:
        """The id of the customer who gets the bot, if one does."""
        return self.changes[-1].customer_id if self.claimed is not None else None


def keys_in(update: Wrote | MadeBot | Unread) -> Iterator[tuple[Key, str]]:
    """By what to look for the customers from whom the update is understood."""
    if isinstance(update, Wrote):
        yield "user", update.who.id
        if update.payload:
            yield "link code", update.payload
    elif isinstance(update, MadeBot):
        yield "bot", update.bot.id
        yield AWAITS_BOT


def decide(update: Wrote | MadeBot, known: Known, now: str) -> Decision:
    """What to do about an update at the moment `now`."""
    return _bot_made(update, known, now) if isinstance(update, MadeBot) else _written(update, known, now)


def may_be_theirs(customer: Customer, made: MadeBot, now: str) -> bool:
    """Whether a bot that was made may be the one that this customer is waited for to make."""
    if not links.wants_bot(customer):
        return False
    offered = links.is_offered(customer, made.bot) and links.refusal_of(customer, made.who, now) is None
    return offered or links.is_made_by(customer, made.who)


def answer_to(customer: Customer, what: str, now: str) -> Answer:
    """An answer for a customer who is known by their id."""
    return Answer(to=customer.setup.messaging.user_id or "", what=what, customer_id=customer.id, since=now)


def _written(update: Wrote, known: Known, now: str) -> Decision:
    """Somebody wrote, or pressed Start; a link's code says whose the link is."""
    code, who = update.payload, update.who
    opened = next((one for one in known.customers if code and links.has_code(one, code)), None)
    if opened is not None:
        return _link_opened(opened, who, known, now)
    theirs = [one for one in known.customers if one.setup.messaging.user_id == who.id]
    if not known.complete and (code or not theirs):
        return Decision(postponed=True)
    if not theirs:
        return Decision(answer=_to_stranger(who, "unknown", now))
    # Of the others a server may have told the id; who used a link was heard by Telegram's word.
    first = max(theirs, key=lambda one: (links.wants_bot(one), links.was_used(one)))
    return Decision(answer=answer_to(first, WHERE_THEY_ARE, now))


def _link_opened(customer: Customer, who: Person, known: Known, now: str) -> Decision:
    """Tie the person to the customer whose link they opened, if they may use it."""
    refusal = links.refusal_of(customer, who, now)
    if refusal is not None:
        noted = _refusal_noted(customer, f"{who} opened the link: {refusal}")
        return Decision(noted, _to_stranger(who, refusal, now))
    opening = Change(customer.id)
    if not links.was_used(customer):
        opening = Change(customer.id, _tied(customer, who, now), (("link_used", f"{who} opened the link"),))
    before = next((made for made in known.unclaimed if made.who.id == who.id), None)
    if before is not None and links.wants_bot(customer):
        return _bot_taken(customer, before, now, opening)
    answer = Answer(to=who.id, what=WHERE_THEY_ARE, customer_id=customer.id, since=now)
    return Decision((opening,) if opening.events else (), answer)


def _bot_made(update: MadeBot, known: Known, now: str) -> Decision:
    """Somebody made a bot over this one, or one that they had made got another token or owner."""
    has_it = next((one for one in known.customers if one.setup.messaging.bot_id == update.bot.id), None)
    if has_it is not None:
        # Killed before it was answered, or the bot has got another token or owner.
        told = has_it.setup.messaging.user_id is not None
        return Decision(answer=answer_to(has_it, BOT_IS_YOURS, now) if told else None)
    waiting = [one for one in known.customers if links.wants_bot(one)]
    refused: tuple[Change, ...] = ()
    for customer in waiting:
        if links.is_offered(customer, update.bot):
            refusal = links.refusal_of(customer, update.who, now)
            if refusal is None:
                return _bot_taken(customer, update, now, Change(customer.id), refused)
            details = f"{update.who} created @{update.bot.username} over the link: {refusal}"
            refused += _refusal_noted(customer, details)
    maker = _maker(update.who, waiting)
    if maker is not None:
        return _bot_taken(maker, update, now, Change(maker.id), refused)
    return Decision(refused, unclaimed=update)


def _bot_taken(
    customer: Customer, made: MadeBot, now: str, opening: Change, others: tuple[Change, ...] = ()
) -> Decision:
    """Make the bot the customer's, together with what else is written into their record."""
    fields = {
        **_tied(customer, made.who, now),
        **opening.fields,
        "setup.messaging.botId": made.bot.id,
        "setup.messaging.botUsername": made.bot.username,
        "setup.messaging.managed": True,
        "setup.messaging.link.suggested": None,
    }
    created = ("bot_created", f"{made.who} created @{made.bot.username}")
    change = Change(customer.id, fields, (*opening.events, created))
    answer = Answer(to=made.who.id, what=BOT_IS_YOURS, customer_id=customer.id, since=now)
    return Decision((*others, change), answer, claimed=made)


def _maker(who: Person, waiting: Iterable[Customer]) -> Customer | None:
    """The customer who waits for this person's bot: known by the id, or the only one by the username.

    Anybody can sign up with somebody else's username: of several who have it none is believed, and the bot
    is kept until its maker opens a link.
    """
    claimants = [one for one in waiting if links.is_made_by(one, who)]
    by_id = [one for one in claimants if one.setup.messaging.user_id]
    return next(iter(by_id or claimants), None) if by_id or len(claimants) == 1 else None


def _tied(customer: Customer, who: Person, now: str) -> dict[str, object]:
    """From here on this person is the customer, and nobody else can be."""
    messaging = customer.setup.messaging
    fields: dict[str, object] = {"setup.messaging.userId": who.id}
    if messaging.link is not None and not messaging.link.used_at:
        fields["setup.messaging.link.usedAt"] = now
    if not messaging.username and who.username:
        fields["setup.messaging.username"] = f"@{who.username}"
    return fields


def _refusal_noted(customer: Customer, details: str) -> tuple[Change, ...]:
    """A stranger who presses a hundred times is one event."""
    event = ("link_refused", details)
    if any((one.event, one.details) == event for one in customer.timeline):
        return ()
    return (Change(customer.id, events=(event,)),)


def _to_stranger(who: Person, why: str, now: str) -> Answer:
    return Answer(to=who.id, what=f"{STRANGER}{why}", since=now)
