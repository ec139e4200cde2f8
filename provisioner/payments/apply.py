"""The one writer of what Stripe's events mean: events of the inbox become changes of records, each once.

The entry that an event leaves in the timeline names it, and is written together with all that the event
changes: killed anywhere, an event whose entry is there is not applied again. Events that leave no entry
change nothing the second time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from provisioner.customers.addresses import checked_address
from provisioner.customers.keys import Key, keys_of
from provisioner.customers.new import new_record
from provisioner.customers.record import Customer, Record
from provisioner.customers.schema import PAID_HISTORY
from provisioner.customers.store import CustomerStore
from provisioner.errors import InputError, ProvisionerError, RecordError, StripeError, UnknownCustomer
from provisioner.failpoints import failpoint
from provisioner.payments import decide
from provisioner.payments.decide import Decision, Policy
from provisioner.payments.errors import StrangeEvent
from provisioner.payments.events import Checkout, Contact, Dispute, StripeEvent, SubscriptionState, understood
from provisioner.payments.inbox import Did, Inbox, Outcome, Received
from provisioner.payments.subscriptions import STRIPE, known_of, with_change
from provisioner.timestamps import hours_since, now

_DOING = "write down what Stripe says"
_STRANGER_HOURS = 0.25
"""After so long nobody is expected to become known any more of whom the operator should be told."""
Tell = Callable[[str, str | None, str], None]
"""Tells the operator something once: a key, the customer's address, and what."""


_Ended = tuple[Outcome, set[tuple[Key, str]]]
"""What became of an event, and by what a customer is known since then who was not before."""


@dataclass
class Applied:
    """What one look at the inbox has done."""

    outcomes: list[tuple[Received, Outcome]] = field(default_factory=list)
    problems: list[ProvisionerError] = field(default_factory=list)

    @property
    def changed(self) -> set[str]:
        """The ids of the customers whose records have changed."""
        return {one.customer for _, one in self.outcomes if one.did == "applied" and one.customer}


class Applier:
    """Deals with the events of one workspace."""

    def __init__(
        self,
        store: CustomerStore,
        inbox: Inbox,
        policy: Policy,
        *,
        tell: Tell = lambda _key, _whom, _what: None,
        customer_of_charge: Callable[[str], str | None] = lambda _: None,
        unsure: Callable[[], None] = lambda: None,
    ) -> None:
        """`customer_of_charge` asks Stripe whose a charge is; None where it cannot be asked.

        `unsure` is called when the records should be compared with Stripe: only it knows which of two
        changes within one second was the later one.
        """
        self._store = store
        self._inbox = inbox
        self._policy = policy
        self._tell = tell
        self._customer_of_charge = customer_of_charge
        self._unsure = unsure

    def apply_all(self, *, kept_too: bool = False) -> Applied:
        """Deal with what has come; what goes wrong with one event keeps no other one waiting.

        With `kept_too` all that was about nobody known is looked at again, which is worth it where records
        may have changed without an event.
        """
        applied = Applied()
        with self._inbox.applying():
            self._inbox.clean_up()
            waiting = [*(self._inbox.kept() if kept_too else ()), *self._inbox.pending()]
            while waiting:
                new: set[tuple[Key, str]] = set()
                for one in sorted(waiting, key=lambda one: one.age):
                    new |= self._deal_with(one, applied)
                # Whoever has become known may have been spoken of before.
                waiting = [one for one in self._inbox.kept() if new & self._keys_in(one)] if new else []
        return applied

    def is_news(self, customer: Customer, state: SubscriptionState) -> bool:
        """Whether a subscription that was looked at is not as the record says."""
        return bool(decide.synced(customer, state, now(), self._policy).fields)

    def take_look(self, customer: Customer, state: SubscriptionState, at: str) -> bool:
        """Write how a subscription is at Stripe, which no event has told.

        `customer` was read before the look: False, and nothing is written, where an event has told of the
        subscription since, which may be newer.
        """
        failpoint("before take over a look")
        with self._store.edit(customer.id, _DOING) as record:
            before, there = (known_of(one).get(state.id) for one in (customer, record.customer))
            decision = decide.synced(record.customer, state, at, self._policy)
            taken = before == there and bool(decision.fields)
            if taken:
                _write(decision, None, record)
        failpoint("after take over a look")
        return taken

    def _deal_with(self, one: Received, applied: Applied) -> set[tuple[Key, str]]:
        """By what a customer is known from now on who was not before."""
        try:
            outcome, new = self._outcome(one)
            if outcome.did != "kept" or one.place != "kept":
                self._inbox.finish(one, outcome)
                applied.outcomes.append((one, outcome))
        except ProvisionerError as problem:
            applied.problems.append(problem)
            return set()
        return new

    def _keys_in(self, one: Received) -> set[tuple[Key, str]]:
        try:
            event = understood(one.envelope)
        except StrangeEvent:
            return set()
        return set(self._keys(event)) if event is not None and not isinstance(event.about, Dispute) else set()

    def _outcome(self, one: Received) -> _Ended:
        try:
            event = understood(one.envelope)
        except StrangeEvent as problem:
            self._tell(one.id, None, problem.summary)
            return _ended("strange", problem.summary)
        if event is None:
            return _ended("nothing", "it means nothing for a customer")
        return self._applied(event, one)

    def _applied(self, event: StripeEvent, one: Received) -> _Ended:
        customer = self._customer_of(event)
        if customer is None:
            sign_up = decide.begins(event, self._policy)
            if sign_up is None:
                return self._kept(event, one)
            try:
                return self._added(event, new_record(sign_up, STRIPE))
            except InputError as problem:
                self._tell(event.envelope.id, sign_up.email, f"has paid and has no record: {problem.summary}")
                return _ended("strange", problem.summary)
        return self._changed(event, customer)

    def _added(self, event: StripeEvent, record: Record) -> _Ended:
        """A new customer, whole with what the event says of them."""
        record.update(
            {
                "signupDate": event.envelope.at,
                "subscription.contactAsOf": decide.contact_version(event.envelope),
                "subscription.status": "incomplete",
            }
        )
        decision = decide.decide(event, replaced_subscription(record.customer), self._policy)
        _write(decision, event, record)
        failpoint("before add the customer")
        self._store.add(record)
        failpoint("after add the customer")
        return self._told(event, decision, record.customer), set(keys_of(record.customer))

    def _changed(self, event: StripeEvent, before: Customer) -> _Ended:
        failpoint("before apply the event")
        try:
            decision, customer = self._written(event, before.id)
        except InputError as problem:
            if not isinstance(event.about, Contact | Checkout):
                raise
            # Another customer has the address, or it is none: everything else is written all the same.
            decision, customer = self._written(event, before.id, without="email")
            decision = replace(decision, told=replace(decision.told, operator=problem.summary))
        failpoint("after apply the event")
        return self._told(event, decision, customer), set(keys_of(customer)) - set(keys_of(before))

    def _written(
        self, event: StripeEvent, customer_id: str, without: str | None = None
    ) -> tuple[Decision, Customer]:
        with self._store.edit(customer_id, _DOING) as record:
            decision = decide.decide(event, record.customer, self._policy)
            if without:
                rest = {path: value for path, value in decision.fields.items() if path != without}
                decision = replace(decision, fields=rest)
            if not _is_applied(event, record.customer):
                _write(decision, event, record)
        if decision.unsure:
            self._unsure()
        return decision, record.customer

    def _told(self, event: StripeEvent, decision: Decision, customer: Customer) -> Outcome:
        if decision.told.operator:
            self._tell(event.envelope.id, customer.email, decision.told.operator)
        text = decision.told.details or (
            "the record has changed" if decision.fields else "nothing has changed"
        )
        return Outcome("applied", text, now(), customer.id, customer.email)

    def _kept(self, event: StripeEvent, one: Received) -> _Ended:
        told = decide.told_of(event)
        # What makes them known may be on its way.
        if told.operator and hours_since(one.received) > _STRANGER_HOURS:
            self._tell(event.envelope.id, None, f"somebody who is in no record {told.operator}")
        return _ended("kept", told.details or "it is about nobody who is known yet")

    def _customer_of(self, event: StripeEvent) -> Customer | None:
        """Whom it is about: the subscription tells before the customer's id, and that before the address.

        RecordError if it may be somebody whose record cannot be read.
        """
        keys = [*self._keys(event)]
        listings = self._store.having(*keys)
        found = [one for one in listings if one.customer is not None]
        for key in keys:
            for one in found:
                assert one.customer is not None
                if key in set(keys_of(one.customer)):
                    return one.customer
        if isinstance(event.about, Checkout) and event.about.email:
            try:
                return self._store.read(event.about.email).customer
            except UnknownCustomer:
                pass
        broken = next((one.broken for one in listings if one.broken is not None), None)
        if broken is not None:
            raise RecordError(_DOING, whom=broken.whom, cause=broken, hint=broken.hint)
        return None

    def _keys(self, event: StripeEvent) -> Iterator[tuple[Key, str]]:
        about = event.about
        if isinstance(about, Dispute):
            owner = self._owner(about.charge)
            if owner:
                yield "stripe customer", owner
            return
        subscription = (
            about.id if isinstance(about, SubscriptionState) else getattr(about, "subscription", None)
        )
        if subscription:
            yield "subscription", subscription
        if about.customer:
            yield "stripe customer", about.customer

    def _owner(self, charge: str | None) -> str | None:
        try:
            return self._customer_of_charge(charge) if charge else None
        except StripeError as problem:
            if problem.retry:
                raise
            return None


def replaced_subscription(customer: Customer) -> Customer:
    """A new customer as if nothing were known of their subscription: the event tells all of it."""
    blank = customer.subscription.model_copy(update={"stripe_subscription_id": None})
    return customer.model_copy(update={"subscription": blank})


def _write(decision: Decision, event: StripeEvent | None, record: Record) -> None:
    fields = dict(decision.fields)
    if "email" in fields:
        fields["email"] = checked_address(str(fields["email"]))
    if decision.change is not None:
        there = record.get(PAID_HISTORY) or []
        fields[PAID_HISTORY] = with_change(there, decision.change)
    record.update(fields)
    if decision.told.event:
        named = {"stripeEvent": event.envelope.id} if event else {}
        record.add_event(decision.told.event, decision.told.details, by=STRIPE, **named)


def _is_applied(event: StripeEvent, customer: Customer) -> bool:
    return any(one.stripe_event == event.envelope.id for one in customer.timeline)


def _ended(did: Did, text: str) -> _Ended:
    return Outcome(did, text, now()), set()
