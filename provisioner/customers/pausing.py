"""Customers whose assistant is paused: it stands still, and their server stays as it is. Pure.

The status stays what it was: they are customers as before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.customers.unpaid import is_unpaid
from provisioner.errors import InputError
from provisioner.printable import command
from provisioner.timestamps import written

if TYPE_CHECKING:
    from provisioner.customers.parts.setup import Pause
    from provisioner.customers.record import Customer
    from provisioner.customers.view import AnyCustomer, AnyPause

Fields = dict[str, object]
_PAYING = frozenset({"active", "trialing"})


@dataclass(frozen=True)
class PauseWish:
    """Who asks for it, and why; with `until_paid` it ends by itself when they have paid."""

    by: str
    reason: str | None = None
    until_paid: bool = False


def is_paused(customer: "AnyCustomer") -> bool:
    """Whether their assistant is to stand still; it may not have been stopped yet."""
    return customer.setup.pause is not None


def pause_goes_on(pause: "AnyPause") -> bool:
    """Whether there is something to do: the assistant is to be stopped, or to be started again."""
    return pause.undo_at is not None or pause.paused_at is None


def has_paid_again(customer: "Customer") -> bool:
    """Whether what the pause was for has come, and nobody has asked yet that it ends."""
    pause = customer.setup.pause
    waiting = pause is not None and pause.until_paid and pause.undo_at is None
    return waiting and not is_unpaid(customer) and customer.subscription.status in _PAYING


def asked_to_pause(customer: "Customer", wish: PauseWish, now: datetime) -> Fields:
    """The fields that say so; nothing if all is said. InputError while it is being undone.

    What a person asks for is not ended by a payment any more.
    """
    before = customer.setup.pause
    if before is None:
        asked = {
            "requestedAt": written(now),
            "by": wish.by,
            "reason": wish.reason,
            "untilPaid": wish.until_paid,
        }
        return {"setup.pause": asked}
    if before.undo_at is not None:
        hint = f"finish that first: {command('pause', customer.email, options='--undo')}"
        raise InputError(
            "pause the assistant", whom=customer.email, cause="the pause is being undone", hint=hint
        )
    return {f"setup.pause.{name}": value for name, value in _changes(before, wish).items()}


def _changes(before: "Pause", wish: PauseWish) -> Mapping[str, object]:
    changes: dict[str, object] = {}
    if wish.reason is not None and wish.reason != before.reason:
        changes["reason"] = wish.reason
    if before.until_paid and not wish.until_paid:
        changes["untilPaid"] = False
    return changes


def asked_to_go_on(customer: "Customer", now: datetime) -> Fields:
    """The fields that ask for the end of the pause; nothing if there is none, or if it was asked for."""
    pause = customer.setup.pause
    return {} if pause is None or pause.undo_at is not None else {"setup.pause.undoAt": written(now)}
