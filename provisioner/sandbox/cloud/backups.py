"""Automatic backups of droplets: when the next one is due, and what is kept.

A backup is taken at the first request after its window has begun; windows between two requests are skipped.
Switching backups off keeps those that are there; deleting the droplet takes them too (our choice).
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from pydantic import BaseModel
from starlette.responses import Response

from provisioner.sandbox.cloud import jobs
from provisioner.sandbox.cloud.call import Call, Endpoint, answer
from provisioner.sandbox.cloud.catalog import BACKUP_PLANS, render_image
from provisioner.sandbox.cloud.pagination import paginate
from provisioner.sandbox.cloud.state import BackupPolicy, Cloud, Droplet

WINDOW: Final = timedelta(hours=4)
_DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_FEATURE: Final = "backups"


class Policy(BaseModel):
    """When backups are taken, as a request asks for it."""

    plan: Literal["weekly", "daily"] = "weekly"
    weekday: Literal["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] = "SUN"
    hour: Literal[0, 4, 8, 12, 16, 20] = 0

    def as_state(self) -> BackupPolicy:
        return BackupPolicy(BACKUP_PLANS[self.plan], self.weekday, self.hour)


def switch_on(cloud: Cloud, droplet: Droplet, policy: BackupPolicy) -> None:
    """Take backups from now on, or by another policy."""
    with cloud.lock:
        droplet.backup_policy = policy
        droplet.next_backup = next_window(policy, cloud.now())
        if _FEATURE not in droplet.features:
            droplet.features.append(_FEATURE)


def switch_off(cloud: Cloud, droplet: Droplet) -> None:
    """Take none any more; those that are there stay."""
    with cloud.lock:
        droplet.backup_policy = droplet.next_backup = None
        if _FEATURE in droplet.features:
            droplet.features.remove(_FEATURE)


def take_due(cloud: Cloud) -> None:
    """Begin the backups whose window has begun."""
    for droplet in list(cloud.droplets.values()):
        policy, due = droplet.backup_policy, droplet.next_backup
        if policy is None or due is None or cloud.now() < due or droplet.status not in ("active", "off"):
            continue
        droplet.next_backup = next_window(policy, cloud.now())
        cloud.executors.submit(droplet.id, partial(jobs.back_up, cloud, droplet, policy.plan))


def next_window(policy: BackupPolicy, now: float) -> float:
    """When the next one begins, in seconds since the epoch: never now."""
    at = datetime.fromtimestamp(now, UTC)
    start = at.replace(hour=policy.hour, minute=0, second=0, microsecond=0)
    weekly = policy.plan.name == "weekly"
    while start <= at or (weekly and _DAYS[start.weekday()] != policy.weekday):
        start += timedelta(days=1)
    return start.timestamp()


def window_of(droplet: Droplet) -> dict[str, str] | None:
    if droplet.next_backup is None:
        return None
    start = datetime.fromtimestamp(droplet.next_backup, UTC)
    return {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{start + WINDOW:%Y-%m-%dT%H:%M:%SZ}"}


def index(call: Call) -> Response:
    kept = [call.cloud.snapshots[image_id] for image_id in call.droplet().backup_ids]
    return paginate(call, "backups", kept, render_image)


def policy_of(call: Call) -> Response:
    return answer({"policy": _render(call.droplet())})


def policies(call: Call) -> Response:
    """Of every droplet, by its id."""
    return paginate(call, "policies", call.cloud.listed(), _render, gather=_by_droplet)


def _render(droplet: Droplet) -> dict[str, Any]:
    policy = droplet.backup_policy
    rendered = None if policy is None else _render_policy(policy)
    return {
        "droplet_id": droplet.id,
        "backup_enabled": policy is not None,
        "backup_policy": rendered,
        "next_backup_window": window_of(droplet),
    }


def _by_droplet(policies: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(policy["droplet_id"]): policy for policy in policies}


def _render_policy(policy: BackupPolicy) -> dict[str, Any]:
    return {
        "plan": policy.plan.name,
        "weekday": policy.weekday,
        "hour": policy.hour,
        "window_length_hours": int(WINDOW.total_seconds()) // 3600,
        "retention_period_days": policy.plan.days,
    }


ENDPOINTS = (
    Endpoint("GET", "/droplets/{droplet:int}/backups", index),
    Endpoint("GET", "/droplets/{droplet:int}/backups/policy", policy_of),
    Endpoint("GET", "/droplets/backups/policies", policies),
)
