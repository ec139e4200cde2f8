"""What is to be done for a customer now, from their record, the settings and the time alone. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from provisioner.customers.done import STEPS, steps_done
from provisioner.customers.handing_over import is_being_handed_over, is_handing_over
from provisioner.customers.leaving import is_leaving, next_leaving_moment
from provisioner.customers.lifecycle import has_left
from provisioner.customers.model_key import (
    budget_of,
    highest_said,
    is_to_be_refused,
    limit_in,
    month_of,
    said,
    spent_in,
)
from provisioner.customers.moving import is_moving, next_moving_moment
from provisioner.customers.parts.upkeep import Health
from provisioner.customers.pausing import has_paid_again, is_paused, pause_goes_on
from provisioner.customers.record import Customer
from provisioner.customers.unpaid import due_reminder, unpaid_since
from provisioner.health.visit import has_running_server
from provisioner.messaging.emails import known_email
from provisioner.printable import command
from provisioner.runs.workflow import (
    BACKUP,
    CANCEL,
    HANDOVER,
    MEND,
    MODEL_KEY,
    MOVE,
    PAUSE,
    PROVISION,
    REMIND,
    RESIZE,
    RESTORE,
    UPDATE_SYSTEM,
    UPGRADE,
    Workflow,
)
from provisioner.settings import Settings
from provisioner.timestamps import from_epoch, is_quiet, moment

WORKFLOWS: Mapping[str, Workflow] = {
    one.name: one
    for one in (
        PROVISION,
        BACKUP,
        CANCEL,
        RESTORE,
        PAUSE,
        REMIND,
        MEND,
        RESIZE,
        UPGRADE,
        UPDATE_SYSTEM,
        MODEL_KEY,
        HANDOVER,
        MOVE,
    )
}
"""What the worker can do by itself; a request for anything else stays in the record."""
GO_ON = "go on"
"""Asked for in a workflow's place: that a pause ends."""
WORKER = "the worker"
"""By whom it is said in the records that the worker has done something."""

Kind = Literal["run", "look", "ask", "tell"]


@dataclass(frozen=True)
class Job:
    """One thing to do for one customer.

    run: take them through the workflow. look: the same, for who is waited for: it changes nothing unless
    they have done their part, and may remind them. ask: write into their record that they leave, are paused
    or go on, from now on. tell: the operator has to know.
    """

    kind: Kind
    workflow: str
    since: str
    """Since when it is due, a moment."""
    why: str = ""
    by: str = WORKER
    """Who asks."""
    unpaid_since: str | None = None
    """For what the policy asks for where nothing is paid: the payment that failed."""
    disturbs: bool = False
    """Whether it takes from customers what they may be using."""

    @property
    def may_disturb(self) -> bool:
        """Whether the customer may be written to without having done anything, or misses something."""
        return self.kind == "look" or self.disturbs


def due(customer: Customer, settings: Settings, now: datetime) -> list[Job]:
    """All that is to be done for a customer who is not archived; one run at most."""
    jobs = [
        *_about_money(customer, settings, now),
        *_about_budget(customer, settings, now),
        *_asked(customer),
    ]
    quiet = is_quiet(settings.worker.quiet_hours, now)
    for run in wanted_runs(customer, settings, now):
        if not _is_put_off(customer, run, now) and not (run.may_disturb and quiet):
            return [*jobs, run]
    return jobs


def wanted_runs(customer: Customer, settings: Settings, now: datetime) -> Iterator[Job]:
    """The runs that would be due next, without quiet hours and failures after which they are put off."""
    for run in (
        _reminder(customer, settings, now),
        _upgrade(customer),
        _system_update(customer, settings, now),
        _next_run(customer, settings, now),
        _model_key(customer, settings, now),
    ):
        if run is not None:
            yield run


def due_of_archived(customer: Customer, now: datetime) -> list[Job]:
    """The same for an archived customer: only their leave may not be at its end."""
    run = _leave(customer, now)
    return [run] if run is not None and not _is_put_off(customer, run, now) else []


def backoff(failures: int) -> timedelta:
    """How long to leave a customer alone after so many failures in a row: from a minute to six hours."""
    minutes: int = 2 ** min(max(failures, 1) - 1, 20)
    return min(timedelta(minutes=minutes), timedelta(hours=6))


def _next_run(customer: Customer, settings: Settings, now: datetime) -> Job | None:
    if (changing := _resize(customer) or _move(customer, now)) is not None:
        return changing
    if is_handing_over(customer) or customer.status == "handed_over":
        return _handover(customer)
    if is_leaving(customer):
        return _leave(customer, now) or _pause(customer) or _mend(customer)
    if customer.setup.upgrade is not None:
        return None
    if is_paused(customer):
        return _pause(customer) or _mend(customer)
    return (
        _restore(customer)
        or _mend(customer)
        or _requested(customer)
        or _begun(customer)
        or _backup(customer, settings, now)
    )


def _resize(customer: Customer) -> Job | None:
    """A server that gets another size: until it has, it may be off, and nothing else can be done on it."""
    resize = customer.setup.resize
    if resize is None or customer.status not in RESIZE.allowed_statuses:
        return None
    return Job("run", RESIZE.name, resize.requested_at, f"their server is to become {resize.to}")


def _move(customer: Customer, now: datetime) -> Job | None:
    """The next part of a move, when its time has come."""
    move, due_at = customer.setup.move, next_moving_moment(customer)
    may_begin = customer.status in MOVE.allowed_statuses and not is_paused(customer)
    if move is None or due_at is None or due_at > now or not may_begin:
        return None
    if has_left(customer.status) and is_moving(customer):
        return None
    why = f"their server is to be in {move.region}" if is_moving(customer) else "the grace is over"
    return Job("run", MOVE.name, from_epoch(due_at.timestamp()), why)


def _restore(customer: Customer) -> Job | None:
    """A backup that is being brought back: until then their assistant may stand still."""
    restore = customer.setup.restore
    if restore is None or customer.status not in RESTORE.allowed_statuses:
        return None
    return Job("run", RESTORE.name, restore.requested_at, "a backup is being brought back")


def _upgrade(customer: Customer) -> Job | None:
    """An upgrade that was begun goes on, forwards or back: until then their assistant may stand still."""
    upgrade = customer.setup.upgrade
    if upgrade is None or customer.status not in UPGRADE.allowed_statuses:
        return None
    return Job("run", UPGRADE.name, upgrade.requested_at, f"the upgrade to {upgrade.version} is under way")


def _mend(customer: Customer) -> Job | None:
    """Something about their server is to be mended."""
    mending = customer.health.mending if customer.health is not None else None
    if mending is None or customer.status not in MEND.allowed_statuses:
        return None
    return Job("run", MEND.name, mending.requested_at, f"wrong: {', '.join(mending.about)}")


def is_look_due(customer: Customer, looked: datetime | None, settings: Settings, now: datetime) -> bool:
    """Whether the customer's server is to be looked at, where it was at `looked`.

    One whose host key is in no record cannot be. One that was mended since, or with which something is wrong
    only since a few minutes, is looked at sooner.
    """
    every = timedelta(minutes=settings.health.every_minutes)
    known = customer.setup.droplet.ip and customer.setup.droplet.host_key
    if not (every and known and has_running_server(customer)):
        return False
    if looked is None or looked > now:
        return True
    health = customer.health or Health()
    changed = moment(health.since or "")
    is_new = bool(health.problems) and changed is not None and now - changed < _NEW
    ends = [moment(one.ended_at) for one in health.attempts if one.ended_at]
    is_mended = any(end is not None and end >= looked for end in ends)
    return is_mended or now - looked >= (min(_SOON, every) if is_new else every)


_NEW = timedelta(minutes=10)
_SOON = timedelta(minutes=1)


def _system_update(customer: Customer, settings: Settings, now: datetime) -> Job | None:
    """Security updates that were asked for; a reboot that they need waits for its hour."""
    update = customer.setup.system_update
    if update is None or customer.setup.upgrade or customer.status not in UPDATE_SYSTEM.allowed_statuses:
        return None
    waits = update.installed_at and not (update.boot or update.at_once)
    if waits and not is_quiet(settings.reboot_hours, now):
        return None
    return Job("run", UPDATE_SYSTEM.name, update.requested_at, "their server's system is to be updated")


def _leave(customer: Customer, now: datetime) -> Job | None:
    """The next part of a customer's leave, when its time has come."""
    at = next_leaving_moment(customer)
    if at is None or at > now:
        return None
    return Job("run", CANCEL.name, from_epoch(at.timestamp()), "they leave")


def _pause(customer: Customer) -> Job | None:
    """The assistant of who is paused is to be stopped, or to be started again."""
    pause = customer.setup.pause
    if pause is None or not pause_goes_on(pause) or customer.status not in PAUSE.allowed_statuses:
        return None
    if pause.undo_at is not None:
        return Job("run", PAUSE.name, pause.undo_at, "their pause ends")
    return Job("run", PAUSE.name, pause.requested_at, "they are paused", disturbs=True)


def _handover(customer: Customer) -> Job | None:
    """A handover goes on once nothing of ours is safe to be relied on; before, its customer comes first."""
    handover = customer.handover
    if handover is None or not is_being_handed_over(customer):
        return None
    kind: Kind = "look" if customer.setup.waiting is not None else "run"
    return Job(kind, HANDOVER.name, handover.requested_at, "their server is being handed over")


def _reminder(customer: Customer, settings: Settings, now: datetime) -> Job | None:
    """An e-mail to who has not paid, on each day of the policy, while their assistant goes on."""
    if settings.smtp_url is None or has_left(customer.status) or is_leaving(customer) or is_paused(customer):
        return None
    reason = due_reminder(customer, settings.billing.reminder_days, now)
    if reason is None or known_email(customer, reason) is not None:
        return None
    return Job("look", REMIND.name, unpaid_since(customer) or "", reason)


_ASKED_FOR = (CANCEL.name, PAUSE.name)
"""The workflows that stand in the record in a form of their own, in which requests for them are put."""


def _asked(customer: Customer) -> list[Job]:
    """What was asked for is written down once more, as its workflow needs it."""
    if customer.status == "handed_over" or is_handing_over(customer):
        return []
    pause = customer.setup.pause
    may_pause = customer.status in PAUSE.allowed_statuses and (pause is None or pause.undo_at is None)
    return [
        Job("ask", one.workflow, one.at, one.reason or "", by=one.by)
        for one in customer.requests
        if one.workflow == CANCEL.name or (one.workflow == PAUSE.name and may_pause)
    ]


def _requested(customer: Customer) -> Job | None:
    """The first request of a workflow that there is, for whom it may start."""
    for one in customer.requests:
        workflow = WORKFLOWS.get(one.workflow)
        if (
            workflow is not None
            and workflow.name not in _ASKED_FOR
            and customer.status in workflow.allowed_statuses
        ):
            kind: Kind = (
                "look" if customer.setup.waiting is not None and workflow.name == PROVISION.name else "run"
            )
            return Job(kind, one.workflow, one.at, f"asked for by {one.by}")
    return None


def _begun(customer: Customer) -> Job | None:
    """A setup that was begun goes on, whoever has begun it."""
    under_way = customer.setup.status == "in_progress" and customer.status in PROVISION.allowed_statuses
    if not under_way or len(steps_done(customer)) == len(STEPS):
        return None
    waiting = customer.setup.waiting
    if waiting is not None:
        return Job("look", PROVISION.name, waiting.since or "", f"waiting for {waiting}")
    return Job("run", PROVISION.name, customer.signup_date or "", "it was begun and is not complete")


def _backup(customer: Customer, settings: Settings, now: datetime) -> Job | None:
    """A backup of an assistant that is at work, when the last one is old enough."""
    hours = settings.backup.every_hours
    if not hours or customer.status != "active" or len(steps_done(customer)) < len(STEPS):
        return None
    last = customer.backups[-1].taken_at if customer.backups else customer.setup.handoff.completed_at
    taken = moment(last) if last else None
    if taken is not None and now - taken < timedelta(hours=hours):
        return None
    return Job("run", BACKUP.name, last or "", f"the last one is {hours:g} hours old or more")


_BUSY_HOURS = 1.0
"""How often is looked at a key that has spent half of its budget."""


def _model_key(customer: Customer, settings: Settings, now: datetime) -> Job | None:
    """A look at what the customer's own key has spent, or what the provider is to be told about it."""
    own, ours = customer.setup.model_key, settings.model_keys
    if own.hash is None or has_left(customer.status) or settings.openrouter_management_key is None:
        return None
    month = month_of(now)
    wanted = (limit_in(customer, ours.monthly_budget, month), is_to_be_refused(customer))
    if (own.limit, own.disabled) != wanted:
        return Job("run", MODEL_KEY.name, own.checked_at or "", "their key is to have another limit or state")
    half = 2 * spent_in(customer, month) >= budget_of(customer, ours.monthly_budget)
    hours = min(_BUSY_HOURS, ours.check_hours) if half else ours.check_hours
    checked = moment(own.checked_at or own.requested_at or "")
    if checked is not None and now - checked < timedelta(hours=hours):
        return None
    return Job("run", MODEL_KEY.name, own.checked_at or "", "what it has spent is not known", disturbs=True)


def _about_budget(customer: Customer, settings: Settings, now: datetime) -> list[Job]:
    """The operator has to know what the customer was told about this month's budget."""
    month = month_of(now)
    part = highest_said(customer, month)
    if part is None:
        return []
    budget, spent = budget_of(customer, settings.model_keys.monthly_budget), spent_in(customer, month)
    why = f"{part} % of this month's ${budget // 100} for the model are spent (${spent / 100:.2f})"
    more = command("model-key", customer.email, options="--budget DOLLARS")
    return [Job("tell", "model budget", said(month, part), f"{why}; they were told; for more: {more}")]


def _about_money(customer: Customer, settings: Settings, now: datetime) -> list[Job]:
    """What follows when nothing was paid for so many days, once; and when it is paid again."""
    since, policy, leaving = unpaid_since(customer), settings.billing, customer.leaving
    if leaving is not None and leaving.by == WORKER and customer.subscription.status == "active":
        stay = command("cancel", customer.email, options="--undo")
        why = f"they have paid after all, and are leaving because they had not; they stay with: {stay}"
        over = leaving.ended_at is not None or leaving.undo_at is not None
        return [] if over else [Job("tell", "payment after all", leaving.requested_at, why)]
    if has_left(customer.status):
        return []
    if has_paid_again(customer):
        return [Job("ask", GO_ON, "", "it is paid again")]
    began = moment(since) if since else None
    if since is None or began is None or now - began < timedelta(days=policy.unpaid_days):
        return []
    why = f"nothing was paid since {since}"
    if policy.when_unpaid == "tell":
        return [Job("tell", "payment", since, why)]
    handled = customer.subscription.unpaid_handled == since or is_leaving(customer)
    handled = handled or (policy.when_unpaid == PAUSE.name and is_paused(customer))
    if handled or any(one.workflow == policy.when_unpaid for one in customer.requests):
        return []
    return [Job("ask", policy.when_unpaid, since, why, unpaid_since=since)]


def _is_put_off(customer: Customer, job: Job, now: datetime) -> bool:
    retry = customer.retry
    if retry is None or retry.workflow != job.workflow or retry.not_before is None:
        return False
    until = moment(retry.not_before)
    return until is not None and now < until
