"""What a server of the pool is good for now, from what is written down and what the account has. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from provisioner.pool.members import Member
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.timestamps import moment

FRESH_DAYS = 30
"""How old a server may be that a customer gets: what it began with is a month old by then."""
_DAY = 86_400

State = Literal["ready", "unfinished", "stale", "old", "gone", "off", "leaving", "taken"]


def is_too_old(member: Member, now: datetime) -> bool:
    """Whether nobody should get it any more."""
    return age_in_days(member, now) >= FRESH_DAYS


def age_in_days(member: Member, now: datetime) -> int:
    """Whole days since it was begun."""
    begun = moment(member.begun_at) or now
    return max(0, int((now - begun).total_seconds()) // _DAY)


def state_of(
    member: Member, droplets: Mapping[str, DropletInfo], digest: str, now: datetime, *, owned: bool
) -> State:
    """`droplets` by id; `owned` says that a record has it.

    ready: a customer may take it; unfinished: it is being made, or was left; stale: of other playbooks,
    versions or settings; gone, off: as the account says; leaving: it is being destroyed; taken: it is a
    customer's, and only its file is left.
    """
    if owned:
        return "taken"
    if member.leaving is not None:
        return "leaving"
    if member.digest != digest:
        return "stale"
    if member.ready_at is None:
        return "unfinished"
    if is_too_old(member, now):
        return "old"
    droplet = droplets.get(member.droplet_id or "")
    if droplet is None:
        return "gone"
    return "ready" if droplet.status == "active" else "off"
