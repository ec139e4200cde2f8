"""What comes due with time: the ends of periods, trials and sessions, drafts' hours, and attempts at payment.

All of it stands in the objects' published fields, so nothing else has to be remembered.
"""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from provisioner.sandbox.stripe.account import Account, Json
from provisioner.sandbox.stripe.clock import DAY
from provisioner.sandbox.stripe.life import checkout, invoices, standing, subscriptions
from provisioner.sandbox.stripe.life.subscriptions import FIRST_PAYMENT_WITHIN, TRIAL_NOTICE, period_end

Act = Callable[[Account, Json], object]


@dataclass(frozen=True)
class Due:
    """Something that happens to `thing` at a moment; of one moment's, the lower `rank` is first."""

    moment: int
    rank: int
    act: Act
    thing: Json


def settle(account: Account) -> None:
    """Let everything happen that came due until now, in its order, each at its own moment."""
    until = account.now
    if until < account.earliest:
        return
    agenda = _Agenda(account)
    while (due := agenda.first()) is not None and due.moment <= until:
        with account.clock.held_at(due.moment):
            due.act(account, due.thing)
        agenda.look_again(due.thing)
    account.earliest = due.moment if due is not None else until + DAY


class _Agenda:
    """All that is to come, in its order. What an act has changed is looked at again when its turn comes."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._heap: list[tuple[int, int, int, Due]] = []
        self._count = itertools.count()
        for kind in _DUES:
            for thing in account.all(kind):
                self._add(thing)

    def first(self) -> Due | None:
        """The next one that is still to happen."""
        while self._heap:
            due = self._heap[0][-1]
            if any(one.moment == due.moment and one.act is due.act for one in self._dues(due.thing)):
                return due
            heapq.heappop(self._heap)
        return None

    def look_again(self, thing: Json) -> None:
        """An act on an invoice may change its subscription's future, and the other way round."""
        self._add(thing)
        if thing["object"] == "invoice":
            self._add(standing.subscription_of(self._account, thing))
        elif thing["object"] == "subscription":
            self._add(self._account.find("invoice", thing["latest_invoice"]))

    def _add(self, thing: Json) -> None:
        for due in self._dues(thing):
            heapq.heappush(self._heap, (due.moment, due.rank, next(self._count), due))

    def _dues(self, thing: Json) -> list[Due]:
        return list(_DUES[thing["object"]](self._account, thing))


def _of_session(_account: Account, session: Json) -> Iterator[Due]:
    if session["status"] == "open":
        yield Due(session["expires_at"], 0, checkout.expire, session)


def _of_invoice(_account: Account, invoice: Json) -> Iterator[Due]:
    if invoice["status"] == "draft" and invoice["automatically_finalizes_at"] is not None:
        yield Due(invoice["automatically_finalizes_at"], 1, subscriptions.collect, invoice)
    elif invoice["status"] == "open" and invoice["next_payment_attempt"] is not None:
        yield Due(invoice["next_payment_attempt"], 1, invoices.attempt, invoice)


def _of_subscription(account: Account, subscription: Json) -> Iterator[Due]:
    status = subscription["status"]
    if status in standing.FINAL:
        return
    if subscription["cancel_at"] is not None:
        yield Due(subscription["cancel_at"], 2, _end_as_planned, subscription)
    if status == "incomplete":
        yield Due(subscription["created"] + FIRST_PAYMENT_WITHIN, 3, subscriptions.expire, subscription)
        return
    paused = subscription["pause_collection"]
    if paused and paused["resumes_at"] is not None:
        yield Due(paused["resumes_at"], 3, subscriptions.resume_collection, subscription)
    if status == "paused":
        return
    if status == "trialing" and (subscription["id"], subscription["trial_end"]) not in account.told:
        notice = max(subscription["trial_end"] - TRIAL_NOTICE, subscription["trial_start"])
        yield Due(notice, 3, subscriptions.announce_trial_end, subscription)
    ending = subscriptions.end_trial if status == "trialing" else subscriptions.renew
    yield Due(period_end(subscription), 4, ending, subscription)


def _end_as_planned(account: Account, subscription: Json) -> None:
    standing.end(account, subscription, "cancellation_requested")


_DUES: dict[str, Callable[[Account, Json], Iterator[Due]]] = {
    "checkout.session": _of_session,
    "invoice": _of_invoice,
    "subscription": _of_subscription,
}
