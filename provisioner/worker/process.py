"""Everything that goes on by itself in the one process of a workspace, each part in a thread of its own."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from provisioner.actor import act_as
from provisioner.filesystem.locks import locked
from provisioner.payments.apply import Applied
from provisioner.payments.sync import Finding
from provisioner.runs.workflow import MEND
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.timestamps import present
from provisioner.worker.alerts import Alerts
from provisioner.worker.due import WORKER
from provisioner.worker.loop import ROUND_SECONDS, Ended, Worker
from provisioner.worker.manager_bot import manager_reader
from provisioner.worker.operator import ways_to_operator
from provisioner.worker.repeated import Repeated
from provisioner.worker.servers import WATCH_SECONDS, ServerWatch, sweep_of
from provisioner.worker.stripe_events import EventHandler, SyncHandler, applier_of, inbox_of, sync_of
from provisioner.workspace import Workspace

_EVENTS_SECONDS = 30.0
_ALERTS_SECONDS = 30.0
_SYNC_SECONDS = 3600.0
_STOP_SECONDS = 10.0
"""For all parts together: with what runs and requests take it is less than systemd waits (docs/serve.md)."""
_SILENT_SECONDS = 120.0
"""A part of the process that has not come back for so long has a problem."""

_FINDING = "at Stripe: "
"""How the keys of alerts begin that are about the comparison with Stripe."""

Say = Callable[[str], None]


@contextmanager
def alone(workspace: Workspace, doing: str) -> Iterator[None]:
    """Be the one process that serves this workspace, or works for it; BusyError names the other one."""
    with locked(workspace.locks_dir / "serve.lock", doing, "this workspace", 0.25):
        yield


class Parts:
    """The worker, Stripe's events, the manager bot, and what the operator is told."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        say: Say,
        *,
        applied: Callable[[Applied], None] = lambda _: None,
        ended: Ended = lambda _workflow, _outcome: None,
    ) -> None:
        """`applied` and `ended` are told what became of events and of runs, for figures."""
        self._settings = settings
        self._services = Services(settings, workspace.rates_dir)
        self._say = say
        self.inbox = inbox_of(workspace)
        self.alerts = Alerts(workspace.state_dir / "worker")
        self._told_applied = applied
        self._told_ended = ended
        self.worker = Worker(workspace, settings, self.alerts, say, self._ended)
        self._compare_next: Callable[[], None] = lambda: None
        """Only Stripe knows how some subscription is: ask now, where it can be asked."""
        applier = applier_of(workspace, settings, self._tell, self._be_unsure)
        events = EventHandler(applier, self.inbox, say, self._applied)
        self.events = Repeated("Stripe's events", events.look, _EVENTS_SECONDS, say)
        self._rounds = Repeated("the worker", self.worker.round, ROUND_SECONDS, say)
        self._watch = Repeated("health", self._servers(workspace).look, WATCH_SECONDS, say)
        self._telling = Repeated("alerts", self._send_alerts, _ALERTS_SECONDS, say)
        self.worker.woken = self._rounds.wake
        self._all = [self.events, self._rounds, self._telling, self._watch]
        sync = sync_of(workspace, settings, self._tell, self._be_unsure)
        if sync is not None:
            self._all.append(self._syncing(SyncHandler(sync, self._tell_findings, say)))
        reader = manager_reader(workspace, settings, self._services, self._rounds.wake)
        if reader is not None:
            self._all.append(Repeated("the manager bot", reader.look, 0.0, say))

    def start(self) -> None:
        """Begin; from here on the process acts as the worker."""
        act_as(WORKER)
        for part in self._all:
            part.start()

    def stop(self) -> None:
        """Runs end after what they are just writing, all parts after what is under way if that is short."""
        for part in self._all:
            part.ask_to_stop()
        self.worker.stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for part in self._all:
            # A question to Telegram may be left unanswered: it comes again.
            left = 0.0 if part.name == "the manager bot" else deadline - time.monotonic()
            part.stop(max(0.0, left))

    def problems(self) -> Sequence[str]:
        """What keeps events from being written down, or work from being done; others' outages do not."""
        essential = (self.events, self._rounds)
        silent = [part.name for part in essential if part.idle_seconds > _SILENT_SECONDS + part.every]
        wrong = [f"{self.events.name}: {self.events.problem}"] if self.events.problem else []
        return [*wrong, *(f"{name}: no sign of life" for name in silent)]

    def _syncing(self, handler: SyncHandler) -> Repeated:
        part = Repeated("Stripe's side", handler.look, _SYNC_SECONDS, self._say)

        def compare_next() -> None:
            handler.compare_next()
            part.wake()

        self._compare_next = compare_next
        return part

    def _servers(self, workspace: Workspace) -> ServerWatch:
        def begin() -> None:
            self._rounds.wake()

        def going_on() -> bool:
            return not self._watch.stopping

        sweep = sweep_of(workspace, self._settings)
        return ServerWatch(
            workspace, self._settings, self.alerts, sweep, self._say, begin=begin, going_on=going_on
        )

    def _ended(self, workflow: str, outcome: str) -> None:
        self._told_ended(workflow, outcome)
        if workflow == MEND.name:
            # What came of it is seen at the next look.
            self._watch.wake()

    def _be_unsure(self) -> None:
        self._compare_next()

    def _applied(self, applied: Applied) -> None:
        self._told_applied(applied)
        if applied.changed:
            self._rounds.wake()

    def _tell(self, key: str, whom: str | None, text: str) -> None:
        if self.alerts.tell(key, whom, text):
            self._telling.wake()

    def _tell_findings(self, findings: list[Finding]) -> None:
        """What does not fit is open until it is not found any more."""
        there = {f"{_FINDING}{one.subscription} {one.text}": one for one in findings}
        gone = [one.key for one in self.alerts.open if one.key.startswith(_FINDING) and one.key not in there]
        self.alerts.end(*gone)
        for key, one in there.items():
            words = f"{one.subscription} {one.text}" + (f"; {one.command}" if one.command else "")
            self.alerts.tell(key, one.email, words, can_end=True)

    def _send_alerts(self) -> None:
        self.alerts.summarize(self._settings.operator.summary_at, present())
        problems = self.alerts.send(ways_to_operator(self._settings, self._services))
        if problems:
            raise problems[0]


def work(workspace: Workspace, settings: Settings, say: Say) -> None:
    """Work until SIGTERM or SIGINT, without anything that can be asked over a network."""
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    with alone(workspace, "work"):
        parts = Parts(workspace, settings, say)
        parts.start()
        say("working")
        stop.wait()
        say("stopping")
        parts.stop()
        say("stopped")
