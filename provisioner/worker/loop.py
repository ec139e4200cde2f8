"""The worker: looks again and again at what is due, and has it done, several customers at once.

Nothing is remembered that the records do not say but when somebody was last looked at: losing that costs a
look. A customer at whom something has failed is left alone for a while, and longer each time.
"""

import queue
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from provisioner.customers.leaving import Wish
from provisioner.customers.pausing import PauseWish
from provisioner.customers.record import Customer, Record
from provisioner.errors import BusyError, ProvisionerError, RecordError, SettingsError, SomethingMissing
from provisioner.failpoints import failpoint
from provisioner.printable import command
from provisioner.runs.fleet import Fleet, JobResult
from provisioner.runs.leaving import ask_to_leave
from provisioner.runs.log import forget, forget_old
from provisioner.runs.pausing import ask_to_go_on, ask_to_pause
from provisioner.runs.workflow import CANCEL, PAUSE
from provisioner.settings import Settings
from provisioner.timestamps import from_epoch, present
from provisioner.worker.alerts import Alerts
from provisioner.worker.due import GO_ON, WORKFLOWS, Job, backoff, due, due_of_archived, wanted_runs
from provisioner.workspace import Workspace

LOOK_SECONDS = 60.0
"""How often who is waited for is looked at where their record has not changed."""
BUSY_SECONDS = 30.0
"""How long another process's customer is left to it."""
ROUND_SECONDS = 5.0
ARCHIVE_SECONDS = 600.0
TIDY_SECONDS = 86_400.0
_PATIENT_FAILURES = 3
"""So many in a row are told to the operator, even if trying again may help."""

Ended = Callable[[str, str], None]


@dataclass
class _Seen:
    """What is remembered of a customer between two looks."""

    looked_at: float = float("-inf")
    rest_until: float = float("-inf")
    as_of: int = -1
    """How long their history was when a look ended."""
    run: str | None = None
    """The run that found them waited for; None if the last one did something."""


@dataclass
class Worker:
    """One worker of a workspace."""

    workspace: Workspace
    settings: Settings
    alerts: Alerts
    say: Callable[[str], None]
    ended: Ended = lambda _workflow, _outcome: None
    """Told of each run that has ended, the workflow's name and how."""
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = present
    _running: dict[str, Job] = field(default_factory=dict)
    _results: "queue.SimpleQueue[JobResult]" = field(default_factory=queue.SimpleQueue)
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _stopping: bool = False
    _archive_looked_at: float = float("-inf")
    _tidied_at: float = float("-inf")

    def __post_init__(self) -> None:
        self._store = self.workspace.store()
        self.woken: Callable[[], None] = lambda: None
        """Called when a run has ended, from its thread; whoever makes rounds sets it."""
        self.fleet = Fleet(
            self.workspace,
            self.settings,
            lambda _progress: None,
            jobs=self.settings.worker.jobs,
            ended=self._take_in,
        )

    @property
    def at_work(self) -> int:
        """How many customers are at work."""
        return len(self._running)

    def round(self) -> None:
        """Note what has ended, and begin what is due as far as there are places.

        What cannot be written for one customer is raised when everybody was looked at.
        """
        if not self.settings.worker.jobs:
            return
        problems = self._note_results()
        self._tidy()
        waiting = list(self._of_archived())
        told = {run for one in self.alerts.open for run in one.runs}
        wanted, active, unread = set[str](), set[str](), False
        for listing in self._store.all():
            customer = listing.customer
            if customer is None:
                self._tell_unreadable(listing.name, listing.broken)
                unread = True
                continue
            if _record_key(listing.name) in told:
                self.alerts.end(_record_key(listing.name))
            active.add(customer.id)
            if told:
                runs = wanted_runs(customer, self.settings, self.now())
                wanted |= {_key(customer.id, run.workflow) for run in runs}
            begin, failed = self._due(customer)
            waiting += begin
            problems += failed
        if not unread:
            self._end_unwanted(told - wanted, active)
        self._begin_as_places_allow(waiting)
        if problems:
            raise problems[0]

    def _due(self, customer: Customer) -> tuple[list[tuple[Customer, Job]], list[ProvisionerError]]:
        """The runs that are due for them; what is none is done at once, or its problem returned."""
        waiting, problems = [], list[ProvisionerError]()
        for job in due(customer, self.settings, self.now()):
            if job.kind in ("run", "look"):
                waiting.append((customer, job))
            else:
                problems += self._do_at_once(customer, job)
        return waiting, problems

    def _begin_as_places_allow(self, waiting: list[tuple[Customer, Job]]) -> None:
        waiting.sort(key=self._turn)
        for customer, job in waiting:
            if self._may_begin(customer, job):
                self._begin(customer, job)

    def _of_archived(self) -> Iterator[tuple[Customer, Job]]:
        """Now and then: hardly ever is anything left to do there."""
        if self.clock() - self._archive_looked_at < ARCHIVE_SECONDS:
            return
        self._archive_looked_at = self.clock()
        for listing in self._store.all(archived=True):
            if listing.customer is not None:
                for job in due_of_archived(listing.customer, self.now()):
                    yield listing.customer, job

    def _tidy(self) -> None:
        if self.clock() - self._tidied_at >= TIDY_SECONDS:
            self._tidied_at = self.clock()
            forget_old(self.workspace.runs_dir, self.now())

    def _end_unwanted(self, told: set[str], active: set[str]) -> None:
        """Nobody waits any more for what had failed: they left meanwhile, or it was done by hand."""
        runs = {run: found for run in told if (found := _RUN.fullmatch(run))}
        over = [
            run
            for run, (workflow, customer_id) in ((run, found.groups()) for run, found in runs.items())
            # In the archive a leave may not be at its end.
            if customer_id not in self._running and (workflow != CANCEL.name or customer_id in active)
        ]
        if over:
            self.alerts.over(*over)

    def stop(self) -> None:
        """End all runs after what they are just writing; they are resumed by the next worker."""
        self._stopping = True
        self.fleet.shut_down()

    def _turn(self, waiting: tuple[Customer, Job]) -> tuple[bool, float, str]:
        """Who was not looked at for longest comes first, and a look that may change nothing last."""
        customer, job = waiting
        return job.kind == "look", self._of(customer.id).looked_at, job.since

    def _may_begin(self, customer: Customer, job: Job) -> bool:
        full = len(self._running) >= self.settings.worker.jobs
        if self._stopping or full or customer.id in self._running:
            return False
        seen, moment = self._of(customer.id), self.clock()
        if moment < seen.rest_until:
            return False
        if job.kind == "look":
            return seen.as_of != len(customer.timeline) or moment - seen.looked_at >= LOOK_SECONDS
        return True

    def _begin(self, customer: Customer, job: Job) -> None:
        self._running[customer.id] = job
        self._of(customer.id).looked_at = self.clock()
        if job.kind == "run":
            self.say(f"{customer.email}: {job.workflow}: {job.why}")
        self.fleet.submit(customer.id, WORKFLOWS[job.workflow])

    def _take_in(self, result: JobResult) -> None:
        self._results.put(result)
        self.woken()

    def _note_results(self) -> list[ProvisionerError]:
        """Write down what has ended since the last round."""
        problems = []
        while not self._results.empty():
            result = self._results.get()
            customer_id = result.result.customer.id if result.result else result.who
            job = self._running.pop(customer_id)
            try:
                self._note(customer_id, job, result)
            except ProvisionerError as problem:
                problems.append(problem)
        return problems

    def _note(self, customer_id: str, job: Job, result: JobResult) -> None:
        outcome, seen = _outcome(result), self._of(customer_id)
        self.ended(job.workflow, outcome)
        if outcome == "busy":
            seen.rest_until = self.clock() + BUSY_SECONDS
        elif outcome == "failed":
            self._note_failure(customer_id, job, result)
        elif outcome in ("done", "waiting", "until"):
            self._note_success(customer_id, job, is_done=outcome == "done")
        if result.result is not None:
            found_waiting = outcome in ("waiting", "until")
            self._note_look(customer_id, seen, result.result.run if found_waiting else None)
        if outcome == "done" or (outcome == "waiting" and job.kind == "run"):
            self.say(f"{result.who}: {job.workflow}: {outcome}")

    def _note_look(self, customer_id: str, seen: _Seen, run: str | None) -> None:
        """Remember as of when they were seen; `run` is the one that found them waited for."""
        before, seen.as_of = seen.as_of, len(self._store.read(customer_id).customer.timeline)
        if run and seen.run and seen.as_of == before:
            # Who is waited for is looked at every minute: the last of these logs tells all.
            forget(self.workspace.runs_dir, seen.run)
        seen.run = run

    def _note_success(self, customer_id: str, job: Job, *, is_done: bool) -> None:
        """The request is done, and what had failed goes well again."""
        customer = self._store.read(customer_id).customer
        requests = [one for one in customer.requests if not is_done or one.workflow != job.workflow]
        if customer.retry is not None or len(requests) < len(customer.requests):
            failpoint("before note what went well")
            with self._store.edit(customer_id, "note what went well") as record:
                _note_success(record, job.workflow, is_done=is_done)
            failpoint("after note what went well")
        self.alerts.over(_key(customer_id, job.workflow))

    def _note_failure(self, customer_id: str, job: Job, result: JobResult) -> None:
        """The customer is left alone for a while; a person is told what they have to do, once."""
        error = _error_of(result)
        failpoint("before note the failure")
        with self._store.edit(customer_id, "note the failure") as record:
            before = record.customer.retry
            failures = 1 + (before.failures if before and before.workflow == job.workflow else 0)
            until = self.now() + backoff(failures)
            retry = {
                "workflow": job.workflow,
                "failures": failures,
                "notBefore": from_epoch(until.timestamp()),
                "error": error.summary,
            }
            record.update(
                {f"retry.{name}": value for name, value in retry.items()} if before else {"retry": retry}
            )
        failpoint("after note the failure")
        email = record.customer.email
        self.say(f"{email}: {job.workflow}: {error.summary}; tried again at {retry['notBefore']}")
        if not error.retry or failures >= _PATIENT_FAILURES:
            self._tell_failure(_key(customer_id, job.workflow), job.workflow, email, error)

    def _tell_failure(self, run: str, workflow: str, email: str, error: ProvisionerError) -> None:
        """What all customers meet is told once for all of them."""
        key = _common_reason(error, email)
        whom, words = (
            (None, _common_words(error)) if key else (email, _words(error, command(workflow, email)))
        )
        # Another kind of error wants something else of the operator, who is told of it too.
        key = key or f"{run}: {type(error).__name__}"
        if self.alerts.tell(key, whom, words, can_end=True, concerns={run: email}):
            self.say(f"the operator will be told: {whom or 'customers'}: {error.summary}")

    def _do_at_once(self, customer: Customer, job: Job) -> list[ProvisionerError]:
        """What is no run: the operator is told, or it is written down that a customer is to leave, …"""
        try:
            if job.kind == "tell":
                key = f"{job.workflow} {customer.id} {job.since}"
                self._tell(
                    key, customer.email, f"{job.why}; {command('show', customer.email)}", can_end=False
                )
            elif job.workflow == GO_ON:
                ask_to_go_on(self._store, customer.id, job.by, job.why)
            else:
                self._ask(customer, job)
        except ProvisionerError as problem:
            return [problem]
        return []

    def _ask(self, customer: Customer, job: Job) -> None:
        """What is asked for becomes the customer's leave or pause, and is no request any more."""
        handled = {"subscription.unpaidHandled": job.unpaid_since} if job.unpaid_since else {}
        failpoint("before a request is taken up")
        if job.workflow == PAUSE.name:
            wish = PauseWish(job.by, job.why or None, until_paid=job.unpaid_since is not None)
            ask_to_pause(self._store, customer.id, wish, also=handled)
        else:
            leave = Wish(job.by, self.settings.cancel.grace_days, "now", job.why or None)
            ask_to_leave(self._store, customer.id, leave, also=handled)
        failpoint("after a request is taken up")
        if any(one.workflow == job.workflow for one in customer.requests):
            with self._store.edit(customer.id, "take the request out") as record:
                _note_success(record, job.workflow, is_done=True)

    def _tell_unreadable(self, name: str, problem: RecordError | None) -> None:
        words = problem.summary if problem else "the record cannot be read"
        self._tell(_record_key(name), None, f"{words}; {command('check')} shows what is wrong")

    def _tell(self, key: str, whom: str | None, text: str, *, can_end: bool = True) -> None:
        if self.alerts.tell(key, whom, text, can_end=can_end):
            self.say(f"the operator is told: {whom}: {text}" if whom else f"the operator is told: {text}")

    def _of(self, customer_id: str) -> _Seen:
        return self._seen.setdefault(customer_id, _Seen())


def _note_success(record: Record, workflow: str, *, is_done: bool) -> None:
    customer = record.customer
    if customer.retry is not None and customer.retry.workflow == workflow:
        record.set("retry", None)
    if is_done and any(one.workflow == workflow for one in customer.requests):
        there = record.get("requests") or []
        record.set("requests", [one for one in there if one.get("workflow") != workflow])


def _outcome(result: JobResult) -> str:
    """In one word, as metrics count them."""
    if result.interrupted:
        return "interrupted"
    if isinstance(result.error, BusyError):
        return "busy"
    if result.error or result.bug:
        return "failed"
    if result.until is not None:
        return "until"
    return "waiting" if result.waiting else "done"


def _error_of(result: JobResult) -> ProvisionerError:
    if result.error is not None:
        return result.error
    return ProvisionerError("go on", cause=f"a bug: {result.bug!r}", hint="report it")


def _words(error: ProvisionerError, then: str) -> str:
    """What the operator reads: the error, what to do, and the command that goes on from there."""
    lines = [error.summary, *([error.detail] if error.detail else []), *([error.hint] if error.hint else [])]
    return "\n".join([*lines, f"then: {then}"])


def _common_reason(error: ProvisionerError, email: str) -> str | None:
    """By what the same reason is known when others meet it; None where it is this customer's own."""
    hint = error.hint or ""
    if not error.everybodys or email in hint:
        return None
    # Numbers, and what services say of the one request, differ each time.
    return f"{type(error).__name__}: {re.sub(r'[0-9]+|[(][^)]*[)]', '#', hint)}"


def _common_words(error: ProvisionerError) -> str:
    cause = f": {error.cause}" if error.cause else ""
    lines = [f"could not {error.doing}{cause}", *([error.hint] if error.hint else [])]
    if isinstance(error, SettingsError | SomethingMissing):
        # What the process has read at its start it goes on with.
        lines.append("then start provisioner serve anew")
    return "\n".join([*lines, f"they are tried again by themselves; {command('status')} shows them"])


_RUN = re.compile(rf"({'|'.join(WORKFLOWS)}) of (\S+)")


def _key(customer_id: str, workflow: str) -> str:
    """What an alert is known by that is about this run; `_RUN` tells it from others."""
    return f"{workflow} of {customer_id}"


def _record_key(name: str) -> str:
    return f"record {name}"
