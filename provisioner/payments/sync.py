"""What Stripe has now beside the records, both ways; and the events that were missed meanwhile."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore, customers_having, everybody
from provisioner.errors import ProvisionerError
from provisioner.payments.addresses import tell_address
from provisioner.payments.apply import Applied, Applier
from provisioner.payments.events import TYPES, Json, SubscriptionState, envelope_of, state_of
from provisioner.payments.inbox import Inbox
from provisioner.payments.subscriptions import FINAL, LIVE, known_of, status_of
from provisioner.printable import command
from provisioner.services.stripe.client import Stripe
from provisioner.services.stripe.errors import NothingThere
from provisioner.timestamps import from_epoch

KEPT_SECONDS = 30 * 86_400
"""For so long Stripe knows its events."""
_OVERLAP_SECONDS = 86_400
"""So much of what was fetched before is asked for again: clocks differ, and Stripe may list an event late."""


@dataclass(frozen=True)
class Finding:
    """Something that only a person can put right, and the command that helps."""

    subscription: str
    email: str | None
    text: str
    command: str | None = None


@dataclass
class Synced:
    """What was found: events that had been missed, customers whose record has changed, and what is odd."""

    missed: int = 0
    applied: Applied = field(default_factory=Applied)
    changed: list[tuple[str, str]] = field(default_factory=list)
    """Addresses, and what is so now."""
    findings: list[Finding] = field(default_factory=list)
    problems: list[ProvisionerError] = field(default_factory=list)


class Sync:
    """Compares one workspace with one account."""

    def __init__(
        self,
        store: CustomerStore,
        inbox: Inbox,
        applier: Applier,
        api: Stripe,
        *,
        livemode: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._applier = applier
        self._api = api
        self._livemode = livemode
        self._clock = clock

    def fetch_missed(self, since: float | None = None) -> Synced:
        """Take in the events since that moment (epoch), or since the last time all were fetched."""
        synced = Synced()
        self._fetch(synced, since)
        return synced

    def compare(self, since: float | None = None) -> Synced:
        """Fetch what was missed, write what Stripe says of who is known, and note what does not fit.

        First all subscriptions are looked at, then the events are fetched. What differs after that, and is
        the same at a second look, no event has told; what has changed meanwhile will be told.
        """
        synced, at = Synced(), from_epoch(self._clock())
        looked = [(state_of(one), one.get("livemode")) for one in self._api.subscriptions()]
        self._fetch(synced, since)
        for state, livemode in looked:
            if bool(livemode) == self._livemode:
                self._compare_one(state, at, synced)
        synced.findings += self._unknown_to_stripe({state.id for state, _ in looked})
        self._tell_addresses(synced)
        return synced

    def _fetch(self, synced: Synced, since: float | None) -> None:
        began = self._clock()
        for document in sorted(self._api.events(TYPES, int(self._since(since))), key=_created):
            envelope = envelope_of(document)
            if envelope.livemode == self._livemode:
                synced.missed += self._inbox.receive(envelope, document)
        if since is None:
            self._inbox.note_fetched(began)
        synced.applied = self._applier.apply_all(kept_too=True)
        synced.problems += synced.applied.problems

    def _tell_addresses(self, synced: Synced) -> None:
        """Have Stripe know the addresses that were changed here while it could not be reached."""
        for customer in everybody(self._store):
            if customer.subscription.address_due is None:
                continue
            try:
                if tell_address(self._store, self._api, customer.id):
                    synced.changed.append((customer.email, "Stripe knows the new address"))
            except ProvisionerError as problem:
                synced.problems.append(problem)

    def _compare_one(self, state: SubscriptionState, at: str, synced: Synced) -> None:
        found = customers_having(self._store, "subscription", state.id)
        if not found:
            if state.status in LIVE:
                synced.findings.append(self._in_no_record(state))
            return
        if len(found) > 1:
            holders = ", ".join(sorted(one.email for one in found))
            synced.findings.append(Finding(state.id, None, f"{holders} have the same subscription"))
        for customer in found:
            try:
                if (
                    self._applier.is_news(customer, state)
                    and self._is_still(state)
                    and self._applier.take_look(customer, state, at)
                ):
                    synced.changed.append((customer.email, f"{state.id} is {state.status}"))
            except ProvisionerError as problem:
                synced.problems.append(problem)

    def _is_still(self, state: SubscriptionState) -> bool:
        """Whether the subscription has not changed since it was looked at."""
        return state_of(self._api.subscription(state.id)) == state

    def _in_no_record(self, state: SubscriptionState) -> Finding:
        try:
            person = self._api.customer(state.customer)
        except NothingThere:
            person = {}
        email = person.get("email")
        add = command("add", email, state.id) if isinstance(email, str) else None
        return Finding(state.id, email, f"is {state.status} at Stripe, and in no record", add)

    def _unknown_to_stripe(self, there: set[str]) -> Iterator[Finding]:
        for customer in everybody(self._store):
            for one in known_of(customer).values():
                if (
                    one.id not in there
                    and status_of(one) not in FINAL
                    and one.livemode in (None, self._livemode)
                    and not self._is_there(one.id)
                ):
                    yield _not_there(customer, one.id, status_of(one))

    def _is_there(self, subscription: str) -> bool:
        """Whether it has begun after all were looked at."""
        try:
            return bool(self._api.subscription(subscription))
        except NothingThere:
            return False

    def _since(self, since: float | None) -> float:
        oldest = self._clock() - KEPT_SECONDS
        fetched = self._inbox.fetched_until() - _OVERLAP_SECONDS
        return max(fetched if since is None else since, oldest)


def _not_there(customer: Customer, subscription: str, status: str) -> Finding:
    text = f"is {status} in the record, and not at Stripe"
    return Finding(subscription, customer.email, text, command("show", customer.email))


def _created(document: Json) -> int:
    return int(document["created"])
