"""What must hold when a customer's setup has come to its end, whatever happened on the way."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.droplets.identity import name_of, tag_of
from provisioner.pool.droplet import is_of_pool
from provisioner.pool.members import Members
from tests.campaigns.processes import Life
from tests.campaigns.world import PLAYBOOKS, Person, World

_SENDING = "write to the customer through the bot"
_UNCERTAIN = "it is not sent again"
"""What the run says of an e-mail that may or may not have gone out."""
_BUGS = ("this is a bug", "Traceback")
"""What no run says."""
_OWN_NAME_LATER = "keeps the name"
"""What the run says of a server of the pool that cannot be renamed now."""
_CREATED = ("droplet_created", "droplet_active")
_COMPLETE = (
    "moltbot_installed",
    "telegram_connected",
    "onboarding_message_sent",
    "onboarding_complete",
)
_ONCE = ("onboarding_message_sent", "onboarding_complete")
"""Of these, what nobody is told again who gets another server."""
_LETTERS = {"contact": "two taps are yours", "ready": "Your assistant is ready"}
"""The e-mails that somebody gets who makes their own bot, with words of their subjects."""


@dataclass(frozen=True)
class Pool:
    """What is left of it: its `members`. So many servers were `made` for it meanwhile.

    The customers have to have `taken` so many; None if others wanted them, too, or some could not be had.
    """

    members: Members
    made: int
    taken: int | None


@dataclass(frozen=True)
class Aftermath:
    """All that is left of one setup. `lives` met with faults, `ends` were left alone until the end.

    `whole` says that it went through all steps, `managed` that the customers made their bots; `rebuilt` that
    they had been set up before, on a droplet that was lost; `replaced` that the cloud lost one on the way,
    so that another had to be made. There were so many `meetings` with faults, each followed by a note.
    """

    world: World
    store: CustomerStore
    people: Sequence[Person]
    lives: Sequence[Life]
    ends: Sequence[Life]
    whole: bool
    managed: bool
    rebuilt: bool
    replaced: bool
    meetings: int
    pool: Pool

    def problems(self) -> Iterator[str]:
        """Everything that is not as it was promised."""
        for life in (*self.lives, *self.ends):
            yield from self._manners(life)
        if self.ends[-1].code != 0:
            yield f"it never ended well: exit code {self.ends[-1].code}: {self.ends[-1].said[-500:]}"
            return
        yield from (f"check finds: {finding}" for finding in self.store.check().findings)
        yield from self._droplets()
        for person in self.people:
            customer = self.store.read(person.email).customer
            if self.store.holder(person.email) is not None:
                yield "the run lock is held by nobody alive"
            yield from self._history(customer)
            if self.whole:
                yield from self._ties(customer)
                yield from self._words(person, customer)
        if self.whole:
            yield from self._effects()

    def drained(self, lives: Sequence[Life]) -> Iterator[str]:
        """What is not as it was promised after the pool has been drained, by these processes."""
        for life in lives:
            yield from self._manners(life)
        if lives[-1].code != 0:
            yield f"the pool was never drained: exit code {lives[-1].code}: {lives[-1].said[-500:]}"
        left = [*self.pool.members.all(), *(one.name for one in self.world.droplets if is_of_pool(one.tags))]
        if left:
            yield f"after the pool was drained there is still {left}"
        there = sorted(str(droplet.id) for droplet in self.world.droplets)
        recorded = sorted(str(customer.setup.droplet.id) for customer in self._customers())
        if there != recorded:
            yield f"after the pool was drained there are the droplets {there}, the records have {recorded}"

    @property
    def again(self) -> int:
        """How many first messages came a second time."""
        once = 1 + self.rebuilt
        return sum(max(0, len(person.heard) - once) for person in self.people) if self.whole else 0

    @property
    def unsent(self) -> int:
        """How many e-mails never came."""
        return sum(len(list(_missing(person))) for person in self.people) if self.managed else 0

    def _manners(self, life: Life) -> Iterator[str]:
        """How each process has to end, whatever it met."""
        bugs = [at for at in map(life.said.find, _BUGS) if at >= 0]
        if bugs:
            yield f"exit code {life.code}, and a bug: {life.said[min(bugs) :][:2000]}"
        elif life.code not in (0, 1, 3, -9):
            yield f"exit code {life.code}: {life.said[-500:]}"
        tokens = self.world.tokens
        secrets = [tokens.digitalocean, tokens.anthropic, tokens.manager, tokens.mail_password]
        secrets += [self.world.telegram.bot(person.bot).token for person in self.people if person.bot]
        if any(secret in life.said for secret in secrets):
            yield "a secret was printed"

    def _customers(self) -> list[Customer]:
        return [self.store.read(person.email).customer for person in self.people]

    def _droplets(self) -> Iterator[str]:
        customers = self._customers()
        self.world.await_actions()
        recorded = {customer.setup.droplet.id: name_of(customer.id) for customer in customers}
        if len(recorded) != len(customers):
            yield f"several customers have one droplet: {[one.setup.droplet.id for one in customers]}"
        written = {one.droplet_id for one in self.pool.members.all()}
        theirs = {str(one.id): one.name for one in self.world.droplets if str(one.id) not in written}
        if any(_OWN_NAME_LATER in life.said for life in (*self.lives, *self.ends)):
            theirs |= {one: name for one, name in recorded.items() if one in theirs}
        if theirs != recorded:
            yield f"there are the droplets {theirs}, the records have {recorded}"
        yield from self._tags(customers)
        yield from self._numbers(customers)

    def _tags(self, customers: Sequence[Customer]) -> Iterator[str]:
        tags = {str(droplet.id): droplet.tags for droplet in self.world.droplets}
        for customer in customers:
            on_it = tags.get(customer.setup.droplet.id or "", [])
            if tag_of(customer.id) not in on_it or is_of_pool(on_it):
                yield f"droplet {customer.setup.droplet.id} of {customer.id} has the tags {on_it}"

    def _numbers(self, customers: Sequence[Customer]) -> Iterator[str]:
        """How many servers were made, and how many taken."""
        taken = sum(customer.setup.droplet.pool is not None for customer in customers)
        if self.world.made != self.pool.made + len(customers) - taken and not self.replaced:
            yield f"{self.world.made} droplets were made, and {taken} taken from the pool"
        if self.pool.taken not in (None, taken):
            yield f"{taken} of {self.pool.taken} servers were taken from the pool"

    def _history(self, customer: Customer) -> Iterator[str]:
        events = Counter(event.event for event in customer.timeline)
        if events["droplet_claimed"] != (customer.setup.droplet.pool is not None) and not self.replaced:
            yield f"{events['droplet_claimed']} times the event droplet_claimed"
        events["droplet_created"] += events["droplet_claimed"]
        for event, times in self._expected():
            if events[event] != times and not (self.replaced and event == "droplet_created"):
                yield f"{events[event]} times the event {event}"
        if len(customer.notes) != self.meetings or events["note_added"] != self.meetings:
            yield f"{len(customer.notes)} of {self.meetings} notes are left"

    def _expected(self) -> Iterator[tuple[str, int]]:
        """How often each event has to be in a timeline."""
        yield from (("subscription_created", 1), ("bot_created", int(self.managed)))
        for event in (*_CREATED, *(_COMPLETE if self.whole else ())):
            yield event, 1 + (self.rebuilt and event not in _ONCE)
        yield "droplet_lost", int(self.rebuilt)
        yield "rebuild_complete", int(self.rebuilt and self.whole)

    def _ties(self, customer: Customer) -> Iterator[str]:
        """Whatever is done was done on the droplet that the customer has."""
        setup = customer.setup
        for name in ("moltbot", "messaging", "handoff"):
            where = getattr(setup, name).droplet_id
            if where != setup.droplet.id:
                yield f"{name} was done on {where}, the droplet is {setup.droplet.id}"

    def _words(self, person: Person, customer: Customer) -> Iterator[str]:
        """What the customer was told, by whom, and how often."""
        heard = len(person.heard)
        if heard < 1 or heard - 1 - self.rebuilt > sum(
            _died_sending(life) for life in (*self.lives, *self.ends)
        ):
            yield f"{heard} first messages"
        for said in (person.subjects, person.told):
            if len(said) != len(set(said)):
                yield f"somebody was told a thing twice: {said}"
        if self.managed:
            begun = {email.reason for email in customer.setup.emails if email.sent_at is None}
            excused = any(life.code not in (0, 3) or _UNCERTAIN in life.said for life in self.lives)
            for name in _missing(person):
                if name not in begun or not excused:
                    yield f"the e-mail {name} was never sent"

    def _effects(self) -> Iterator[str]:
        assert self.world.machine is not None, "whole setups need a server"
        effects = self.world.machine.effects()
        for name in PLAYBOOKS:
            lines = Counter(effects.get(name, []))
            # The channel's is applied before the gateway's first start, too, where the bot is known by then.
            # Where the server is of the pool, it has been prepared before it was somebody's.
            runs = 1 + len(self.lives) + (self.pool.taken or 0)
            most = runs * (2 if name == "telegram" else 1)
            if lines["installed"] != 1 or not 1 <= lines["begun"] <= most:
                yield f"the playbook {name} was applied {dict(lines)}"


def _missing(person: Person) -> Iterator[str]:
    return (name for name, words in _LETTERS.items() if not any(words in one for one in person.subjects))


def _died_sending(life: Life) -> bool:
    """Whether a process ended with the message on its way, and nothing written about it yet.

    By a kill, or because the disk did not take what it wanted to write, or because no answer came.
    """
    places = list(life.passed)
    sendings = [index for index, place in enumerate(places) if _SENDING in place]
    if life.code == 0 or not sendings:
        return False
    return "after rename" not in places[sendings[-1] :]
