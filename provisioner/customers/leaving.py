"""Customers who leave: what a request means, and when there is something to do again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from provisioner.customers.parts.departure import Leaving
from provisioner.customers.record import Customer
from provisioner.errors import InputError
from provisioner.printable import command
from provisioner.timestamps import moment, written

When = Literal["now", "period end"]

Fields = dict[str, object]


@dataclass(frozen=True)
class Wish:
    """What is asked for. `when` is None for who does not say it, `at_once` ends the grace too."""

    by: str
    grace_days: int
    when: When | None = None
    reason: str | None = None
    without_backup: bool = False
    at_once: bool = False


def is_leaving(customer: Customer) -> bool:
    """Whether something is still to be done until the customer is gone, or until their leave is undone."""
    return customer.leaving is not None and customer.leaving.ended_at is None


def next_leaving_moment(customer: Customer) -> datetime | None:
    """When the workflow has something to do again, which may be past; None if they are not leaving.

    What waits for no moment is due since it was asked for.
    """
    leaving = customer.leaving
    if leaving is None or leaving.ended_at is not None:
        return None
    if leaving.undo_at is not None:
        return moment(leaving.undo_at)
    if leaving.stopped_at is None:
        return moment(leaving.stop_at)
    if needs_backup(customer) or not may_have_droplet(customer):
        return moment(leaving.stopped_at)
    return moment(leaving.destroyed_at or leaving.destroy_at or leaving.stopped_at)


def needs_backup(customer: Customer) -> bool:
    """Whether who is leaving has an assistant of which there is no last backup, and nobody said it may go."""
    leaving = customer.leaving
    assert leaving is not None, "only who is leaving is asked about"
    return has_assistant(customer) and leaving.backup is None and not leaving.without_backup


def has_assistant(customer: Customer) -> bool:
    """Whether an assistant may be on the customer's server, also one that is to be installed again."""
    droplet, moltbot = customer.setup.droplet, customer.setup.moltbot
    there = droplet.id is not None and droplet.ip is not None
    return there and (moltbot.installed or moltbot.droplet_id == droplet.id)


def may_have_droplet(customer: Customer) -> bool:
    """Whether the record has a droplet, or one that was asked for and may have come."""
    droplet = customer.setup.droplet
    return bool(droplet.id or (droplet.requested_at and droplet.name))


def asked_to_leave(customer: Customer, wish: Wish, now: datetime) -> Fields:
    """The fields that say so; what was asked for before is kept or brought forward. Nothing if all is said.

    InputError where it cannot be: nobody says when, the server is the customer's own, or it is being undone.
    """
    before = customer.leaving
    if before is None or before.ended_at is not None:
        return {"leaving": _new(customer, wish, now)}
    if before.undo_at is not None:
        hint = command("cancel", customer.email, options="--undo")
        raise _refused(customer, "their leave is being undone", f"finish that first: {hint}")
    return {f"leaving.{name}": value for name, value in _changes(customer, before, wish, now).items()}


def _new(customer: Customer, wish: Wish, now: datetime) -> Mapping[str, object]:
    handover = customer.handover
    if customer.status == "handed_over" or (handover is not None and handover.key_proven_at is not None):
        raise _refused(customer, "their server is handed over: it is theirs", None)
    return {
        "requestedAt": written(now),
        "by": wish.by,
        "reason": wish.reason,
        "stopAt": _stop_at(customer, wish, now),
        "graceDays": 0 if wish.at_once else wish.grace_days,
        "withoutBackup": wish.without_backup,
        "statusBefore": customer.status,
    }


def _changes(customer: Customer, before: Leaving, wish: Wish, now: datetime) -> Mapping[str, object]:
    changes: dict[str, object] = {}
    if wish.reason is not None and wish.reason != before.reason:
        changes["reason"] = wish.reason
    if wish.without_backup and not before.without_backup:
        changes["withoutBackup"] = True
    if before.stopped_at is None and (wish.when or wish.at_once):
        stop_at = _stop_at(customer, wish, now)
        if wish.when == "period end" or stop_at < before.stop_at:
            changes["stopAt"] = stop_at
    if wish.at_once and before.destroyed_at is None and before.grace_days:
        changes["graceDays"] = 0
        if before.destroy_at is not None:
            changes["destroyAt"] = written(now)
    return {name: value for name, value in changes.items() if value != _as_it_was(before, name)}


def _as_it_was(before: Leaving, name: str) -> object:
    return before.model_dump(by_alias=True).get(name)


def _stop_at(customer: Customer, wish: Wish, now: datetime) -> str:
    if wish.when == "now" or wish.at_once:
        return written(now)
    ends = customer.subscription.current_period_end
    if ends is not None and (end := moment(ends)) is not None:
        return written(max(end, now))
    raise _refused(
        customer,
        "the end of their paid period is not known (subscription.currentPeriodEnd)",
        f"at once: {command('cancel', customer.email, options='--now')}",
    )


def stopped(leaving: Leaving, now: datetime) -> Fields:
    """The fields of a customer whose assistant was stopped now."""
    return {
        "status": "cancelled",
        "leaving.stoppedAt": written(now),
        "leaving.destroyAt": written(now + timedelta(days=leaving.grace_days)),
    }


def asked_to_stay(customer: Customer, now: datetime) -> Fields:
    """The fields that ask for the undoing; InputError for who is not leaving, or whose droplet is going."""
    leaving = customer.leaving
    if leaving is None or leaving.ended_at is not None:
        hint = command("restore", customer.email) if leaving is not None else None
        raise _refused(customer, "they are not leaving" if leaving is None else "they have left", hint)
    if leaving.destroying_at is not None:
        raise _refused(
            customer,
            "their droplet is being destroyed, or is gone",
            f"let them leave: {command('cancel', customer.email)}; docs/leaving.md says how they come back",
        )
    return {} if leaving.undo_at is not None else {"leaving.undoAt": written(now)}


def stays(customer: Customer) -> Fields:
    """The fields of a customer whose assistant runs again, or was never stopped."""
    assert customer.leaving is not None, "they were leaving"
    was_stopped = customer.status == "cancelled"
    before = {"status": customer.leaving.status_before or "active"} if was_stopped else {}
    return {**before, "leaving": None}


def at(seconds: float) -> datetime:
    """The moment of a clock's time."""
    return datetime.fromtimestamp(seconds, UTC)


def is_over(text: str | None, now: datetime) -> bool:
    """Whether this moment has come; one that means none has not."""
    found = moment(text) if text else None
    return found is not None and found <= now


def _refused(customer: Customer, cause: str, hint: str | None) -> InputError:
    return InputError("have the customer leave", whom=customer.email, cause=cause, hint=hint)
