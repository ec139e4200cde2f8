"""What of a server's problems is mended by itself, by what, and how often. Pure.

Nothing here destroys anything: a gateway is started again, caches and old logs go, the clock is set, a
droplet that is off is started.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from provisioner.customers.handing_over import is_handing_over
from provisioner.customers.leaving import is_leaving
from provisioner.customers.lifecycle import Status
from provisioner.customers.parts.upkeep import MendAttempt
from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.health.judge import Remedy, Sign
from provisioner.timestamps import moment, written

WORKING: Final[tuple[Status, ...]] = ("in_progress", "active")
"""With whom an assistant may be at work."""
DONE: Final[Mapping[Remedy, str]] = {
    "start": "started the droplet",
    "disk": "freed the disk of caches and old logs",
    "clock": "had the clock set",
    "restart": "started the gateway again",
}
"""What each remedy does, in the order in which they are tried: each may need those before it."""


def mendable(customer: Customer, signs: Iterable[Sign], hours: float, now: datetime) -> tuple[Sign, ...]:
    """Those that may be mended now: each kind once in so many hours; one that was begun is gone on with."""
    if customer.status not in WORKING or _is_in_hand(customer):
        return ()
    return tuple(
        sign
        for sign in signs
        if sign.severity == "problem"
        and _is_wanted(customer, sign.remedy)
        and not _is_tried(customer, sign.about, hours, now)
    )


def remedies_for(signs: Sequence[Sign]) -> tuple[Remedy, ...]:
    """What mends these, each once, in their order."""
    wanted = {sign.remedy for sign in signs}
    return tuple(remedy for remedy in DONE if remedy in wanted)


def last_attempt(customer: Customer, about: str) -> MendAttempt | None:
    """The last one to mend this kind of problem."""
    attempts = customer.health.attempts if customer.health is not None else ()
    return next((one for one in reversed(attempts) if one.about == about), None)


def asked(customer: Customer, signs: Sequence[Sign], by: str, now: datetime) -> Mapping[str, object]:
    """The fields that say that these are to be mended; nothing if that is said already."""
    if not signs or is_to_be_mended(customer):
        return {}
    about = sorted({sign.about for sign in signs})
    return {"health.mending": {"requestedAt": written(now), "by": by, "about": about}}


def is_to_be_mended(customer: Customer) -> bool:
    """Whether something about their server is to be mended, or is being mended."""
    return customer.health is not None and customer.health.mending is not None


def begun(customer: Customer, signs: Sequence[Sign], remedy: Remedy, now: datetime) -> Mapping[str, object]:
    """The fields that say that this is about to be done about those of the signs that it mends."""
    about = sorted({sign.about for sign in signs if sign.remedy == remedy})
    there = customer.health.attempts if customer.health is not None else ()
    kept = [_document(one) for one in there if one.about not in about]
    new = [{"about": one, "remedy": remedy, "begunAt": written(now)} for one in about]
    return {"health.attempts": [*kept, *new]}


def ended(customer: Customer, now: datetime) -> Mapping[str, object]:
    """The fields that say that nothing is being mended any more."""
    there = customer.health.attempts if customer.health is not None else ()
    at = {"endedAt": written(now)}
    attempts = [_document(one) | ({} if one.ended_at else at) for one in there]
    return {"health.mending": None, **({"health.attempts": attempts} if attempts else {})}


def told(customer: Customer, sign: Sign) -> str:
    """What was tried about a problem that is still there; empty if nothing was."""
    attempt = last_attempt(customer, sign.about)
    if attempt is None or attempt.ended_at is None or sign.remedy is None:
        return ""
    return f"{DONE[sign.remedy]} at {attempt.begun_at}, which did not help for good"


def _is_in_hand(customer: Customer) -> bool:
    """Whether a run that may want it off or stopped is not at its end, whoever works on it now."""
    setup, move = customer.setup, customer.setup.move
    changing = setup.restore is not None or setup.upgrade is not None or setup.resize is not None
    # A server that was moved is in nobody's hand while the one before is kept for some days.
    moving = move is not None and (move.proven_at is None or move.undo_at is not None)
    return changing or moving or is_handing_over(customer)


def _is_wanted(customer: Customer, remedy: Remedy | None) -> bool:
    """Whether the record wants what the remedy brings about."""
    if remedy == "restart":
        return not is_paused(customer)
    if remedy == "start":
        return not is_paused(customer) and not is_leaving(customer)
    return remedy is not None


def _is_tried(customer: Customer, about: str, hours: float, now: datetime) -> bool:
    attempt = last_attempt(customer, about)
    if attempt is None or attempt.ended_at is None:
        return False
    at = moment(attempt.begun_at)
    return at is not None and timedelta() <= now - at < timedelta(hours=hours)


def _document(attempt: MendAttempt) -> dict[str, object]:
    return attempt.model_dump(by_alias=True)
