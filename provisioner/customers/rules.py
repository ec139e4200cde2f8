"""The rules that records keep, whatever store has them. Every store asks here before it writes.

An id never changes, an address is one customer's, notes and events are only ever added. A person's own
change of a status, and a subscription that two customers have, are rules that `--force` goes past.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from provisioner.customers.addresses import fold
from provisioner.customers.lifecycle import MOVES, SETUP_MOVES
from provisioner.customers.schema import HISTORY, PAID_HISTORY
from provisioner.errors import InputError, RecordError, UnknownCustomer
from provisioner.printable import command

if TYPE_CHECKING:
    from provisioner.customers.record import Customer, Record
    from provisioner.customers.store import CustomerStore


def is_meant(customer_id: str, email: str, who: str) -> bool:
    """Whether `who`, an address in any spelling or an id, is the customer with these."""
    return fold(email) == fold(who) if "@" in who else customer_id == who


def check_change(before: "Record", after: "Record") -> None:
    """Refuse what no change may do: RecordError for lost history, InputError for another id."""
    for key in HISTORY:
        old, new = before.data.get(key) or [], after.data.get(key) or []
        if new[: len(old)] != old:
            raise RecordError(
                "write the record", whom=after.customer.email, cause=f"{key} would lose an entry"
            )
    kept = after.get(PAID_HISTORY) or []
    if any(entry not in kept for entry in before.get(PAID_HISTORY) or []):
        raise RecordError(
            "write the record", whom=after.customer.email, cause=f"{PAID_HISTORY} would lose an entry"
        )
    check_id(before.customer, after.customer.id)


def check_id(customer: "Customer", new: str) -> None:
    """InputError if this is not the customer's id."""
    if new != customer.id:
        raise InputError("change the id", whom=customer.email, cause="an id never changes")


def is_renamed(before: "Customer", after: "Customer") -> bool:
    """Whether the address has become another one, not only another spelling of the same."""
    return fold(before.email) != fold(after.email)


def refuse_taken(doing: str, who: str, store: "CustomerStore") -> None:
    """InputError if a customer, archived or not, has this address or id.

    The store lets nobody take it between this and its write.
    """
    try:
        found = store.find(who)
    except UnknownCustomer:
        return
    where = "in the archive" if found.archived else "there"
    hint = f"provisioner {'restore' if found.archived else 'show'} {who}"
    raise InputError(doing, whom=who, cause=f"the customer is {where} already", hint=hint)


def refuse_shared_subscription(
    doing: str, customer: "Customer", subscription: str | None, everybody: "Iterable[Customer]"
) -> None:
    """InputError if another customer than this one has the subscription."""
    if not subscription:
        return
    holders = [
        one.email
        for one in everybody
        if one.subscription.stripe_subscription_id == subscription and one.id != customer.id
    ]
    if holders:
        raise InputError(
            doing,
            whom=customer.email,
            cause=f"{', '.join(holders)} {'has' if len(holders) == 1 else 'have'} {subscription} already",
            hint=f"{command('show', holders[0])}; --force has two customers share it",
        )


def check_move(old: str, new: str) -> None:
    """InputError unless a customer's status may go from `old` to `new`; staying is no move."""
    _check_move("status", MOVES, old, new)


def check_setup_move(old: str, new: str) -> None:
    """InputError unless `setup.status` may go from `old` to `new`; staying is no move."""
    _check_move("setup.status", SETUP_MOVES, old, new)


def _check_move(field: str, moves: Mapping[str, tuple[str, ...]], old: str, new: str) -> None:
    legal = moves[old]
    if new == old or new in legal:
        return
    may = f"from {old} it may go to {' or '.join(legal)}" if legal else f"{old} is final"
    raise InputError(f"set {field} to {new}", cause=may, hint="--force sets it all the same")
