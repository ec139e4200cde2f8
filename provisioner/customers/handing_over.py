"""Customers whose server becomes their own: what a request means, and how far it is. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.customers.leaving import is_leaving
from provisioner.customers.pausing import is_paused
from provisioner.errors import InputError
from provisioner.printable import command
from provisioner.timestamps import written

if TYPE_CHECKING:
    from provisioner.customers.parts.departure import Handover
    from provisioner.customers.record import Customer

Fields = Mapping[str, object]
_DOING = "hand the server over"


@dataclass(frozen=True)
class HandoverWish:
    """What is asked for. `ssh_key` is the customer's public key; None for who goes on with a handover.

    `key_file` is where its private half is, to be tried; `by_word` says that they have logged in with it.
    `api_key` is their own for the model; without one their assistant stands still until they give it one.
    """

    by: str
    ssh_key: str | None = None
    key_file: str | None = None
    by_word: bool = False
    api_key: str | None = None


def is_being_handed_over(customer: "Customer") -> bool:
    """Whether something is to be done yet until the server is the customer's own."""
    return customer.handover is not None and customer.handover.ended_at is None


def is_handing_over(customer: "Customer") -> bool:
    """The same once it cannot be left at that: what works without us is being put in the place of ours."""
    return is_being_handed_over(customer) and _of(customer).key_proven_at is not None


def is_handed_over(customer: "Customer") -> bool:
    """Whether the server refuses us by now."""
    return customer.handover is not None and customer.handover.locked_at is not None


def asked_to_hand_over(customer: "Customer", wish: HandoverWish, now: datetime) -> Fields:
    """The fields that say so; nothing if all is said. InputError where it cannot be."""
    before = customer.handover
    if before is not None:
        return _changes(customer, before, wish)
    _demand_possible(customer)
    if wish.ssh_key is None:
        raise _refused(
            customer, "their key is not given", "--ssh-key FILE: what they log in with from then on"
        )
    return {
        "handover": {
            "requestedAt": written(now),
            "by": wish.by,
            "sshKey": wish.ssh_key,
            "keyFile": wish.key_file,
            "byWord": wish.by_word,
            "ownModelKey": wish.api_key is not None,
            "apiKey": wish.api_key,
        }
    }


def _demand_possible(customer: "Customer") -> None:
    if customer.status != "active" or customer.setup.status != "complete":
        hint = f"complete the setup first: {command('provision', customer.email)}"
        raise _refused(customer, f"status {customer.status}, setup {customer.setup.status}", hint)
    if is_leaving(customer):
        hint = f"if they stay: {command('cancel', customer.email, options='--undo')}"
        raise _refused(customer, "they are leaving", hint)
    if is_paused(customer):
        hint = f"to have it run again: {command('pause', customer.email, options='--undo')}"
        raise _refused(customer, "their assistant is paused", hint)
    for cause, goes_on in _under_way(customer):
        raise _refused(customer, cause, f"finish that first: {command(goes_on, customer.email)}")


def _under_way(customer: "Customer") -> Iterator[tuple[str, str]]:
    """What is being done about their server just now, and the command that goes on with it."""
    setup = customer.setup
    if setup.restore is not None:
        yield "a backup is being brought back", "restore-backup"
    if setup.upgrade is not None:
        yield "their assistant is being upgraded", "upgrade"
    if setup.move is not None:
        yield "their server is being moved, and the one before is not gone yet", "move"
    if setup.resize is not None:
        yield "their server is getting another size", "resize"
    if setup.rotation is not None:
        yield f"their {setup.rotation.kind} is being replaced", f"rotate {setup.rotation.kind}"


def _changes(customer: "Customer", before: "Handover", wish: HandoverWish) -> Fields:
    """What is added to a handover that was asked for before; another key is another handover."""
    if wish.ssh_key not in (None, before.ssh_key):
        raise _refused(customer, "it was begun with another SSH key", "go on with it, without --ssh-key")
    changes: dict[str, object] = {}
    if before.key_proven_at is None:
        if wish.key_file not in (None, before.key_file):
            changes["handover.keyFile"] = wish.key_file
        if wish.by_word and not before.by_word:
            changes["handover.byWord"] = True
    if wish.api_key is not None and wish.api_key != before.api_key:
        if before.model_key_at is not None:
            raise _refused(
                customer, "the key for the model is settled by now", "they put it there themselves"
            )
        changes |= {"handover.apiKey": wish.api_key, "handover.ownModelKey": True}
    return changes


def _of(customer: "Customer") -> "Handover":
    assert customer.handover is not None, "whoever asks has looked"
    return customer.handover


def _refused(customer: "Customer", cause: str, hint: str) -> InputError:
    return InputError(_DOING, whom=customer.email, cause=cause, hint=hint)
