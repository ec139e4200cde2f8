"""Many customers at once: each in a thread of its own, so that one's failure or wait is nobody else's."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.clock import Clock
from provisioner.droplets.identity import FLEET_TAG
from provisioner.errors import ProvisionerError
from provisioner.runs.progress import Listener, Progress
from provisioner.runs.runner import Runner, RunResult
from provisioner.runs.shutdown import InterruptibleClock, Shutdown, ShuttingDown
from provisioner.runs.workflow import PROVISION, Workflow
from provisioner.services.factory import Services, connect_cloud
from provisioner.settings import Settings
from provisioner.step import Failed, Until, Waiting
from provisioner.workspace import Workspace

if TYPE_CHECKING:
    from provisioner.services.digitalocean.client import DigitalOcean

JOBS = 50
"""How many customers are at work at the same moment, unless the operator says otherwise."""
MOMENT_SECONDS = 1.0
"""Jobs that take longer to shut down are waited for in sight."""
GRACE_SECONDS = 10.0
"""How long jobs may take to shut down; resuming finds again what they lose."""

_SEVERITY = (0, 3, 4, 2, 1, 130)
WAITING = 3
INTERRUPTED = 130


@dataclass(frozen=True)
class JobResult:
    """How the job of one customer ended.

    `result` is None where the run did not begin (`refusal` says why), was interrupted, or met a `bug`.
    """

    who: str
    result: RunResult | None = None
    refusal: ProvisionerError | None = None
    bug: Exception | None = None
    interrupted: bool = False

    @property
    def error(self) -> ProvisionerError | None:
        if self.result is not None and isinstance(self.result.outcome, Failed):
            return self.result.outcome.error
        return self.refusal

    @property
    def waiting(self) -> Waiting | None:
        outcome = self.result.outcome if self.result else None
        return outcome if isinstance(outcome, Waiting) else None

    @property
    def until(self) -> Until | None:
        outcome = self.result.outcome if self.result else None
        return outcome if isinstance(outcome, Until) else None

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return INTERRUPTED
        if self.error or self.bug:
            return self.error.exit_code if self.error else 1
        return WAITING if self.waiting else 0


def worst(results: Sequence[JobResult]) -> int:
    """The exit code for all: done, waiting, busy, wrong input, failed, interrupted."""
    return max((result.exit_code for result in results), key=_SEVERITY.index, default=0)


class Fleet:
    """Takes customers of one workspace through workflows, up to `jobs` at the same moment."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        listener: Listener,
        *,
        jobs: int = JOBS,
        together: bool = True,
        ended: Callable[[JobResult], None] = lambda _: None,
        slow_shutdown: Callable[[], None] = lambda: None,
    ) -> None:
        """`listener` and `ended`, which is told each result, are called from many threads, one at a time.

        `together` has the jobs ask for droplets in common. `slow_shutdown` is called when jobs take longer
        than a moment to shut down.
        """
        self._workspace = workspace
        self._settings = settings
        self._listener = listener
        self._ended = ended
        self._slow_shutdown = slow_shutdown
        self._shutdown = Shutdown()
        self._clock = InterruptibleClock(self._shutdown)
        self._services = _services(settings, workspace.rates_dir, self._clock, together=together)
        self._places = threading.Semaphore(jobs)
        self._hearing = threading.Lock()
        self._threads: list[threading.Thread] = []

    def run_all(
        self,
        customers: Sequence[str],
        workflow: Workflow = PROVISION,
        *,
        until: str | None = None,
        patience: float = 0.0,
    ) -> list[JobResult]:
        """Take each as far as possible; their results in the order of `customers`.

        `patience` as in `Runner.run`. Ctrl-C (KeyboardInterrupt) ends all jobs after what they are just
        writing; at a second one it is raised.
        """
        jobs: dict[str, Future[JobResult]] = {}
        try:
            for who in customers:
                jobs[who] = self.submit(who, workflow, until=until, patience=patience)
            self.drain()
        except KeyboardInterrupt:
            self.shut_down()
        return [
            jobs[who].result() if who in jobs and jobs[who].done() else JobResult(who, interrupted=True)
            for who in customers
        ]

    def submit(
        self, who: str, workflow: Workflow = PROVISION, *, until: str | None = None, patience: float = 0.0
    ) -> "Future[JobResult]":
        """Begin one customer's job; returns when it has begun, which may have to wait until a place is free.

        Who waits for a person leaves their place to others. No job ends with an exception.
        """
        future: Future[JobResult] = Future()
        place = _Place(self._places, self._tell)

        def run() -> None:
            with place:
                result = self._run(who, workflow, place, until, patience)
            self._note(future, result)

        place.take()
        # They must not keep the process alive at a second Ctrl-C.
        thread = threading.Thread(target=run, name=who, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        try:
            thread.start()
        except RuntimeError as problem:
            self._threads.remove(thread)
            place.leave()
            self._note(future, JobResult(who, refusal=_too_many(who, problem)))
        return future

    def drain(self) -> None:
        """Wait until all jobs that were submitted have ended."""
        for thread in self._threads:
            thread.join()

    def shut_down(self) -> None:
        """End all jobs after what they are just writing; they are waited for, but not for ever."""
        self._shutdown.request()
        # Ctrl-C may have come before the last one was started.
        started = [thread for thread in self._threads if thread.ident is not None]
        if not _join(started, MOMENT_SECONDS):
            self._slow_shutdown()
            _join(started, GRACE_SECONDS)

    def _run(
        self, who: str, workflow: Workflow, listener: Listener, until: str | None, patience: float
    ) -> JobResult:
        runner = Runner(
            self._workspace,
            self._settings,
            listener,
            workflow=workflow,
            services=self._services,
            clock=self._clock,
            around=self._shutdown.closes,
        )
        try:
            self._shutdown.check()
            result = runner.run(who, until=until, patience=patience)
        except ShuttingDown:
            return JobResult(who, interrupted=True)
        except ProvisionerError as refusal:
            return JobResult(who, refusal=refusal)
        except Exception as bug:
            return JobResult(who, bug=bug)
        # A step may take its closed connection for a failure.
        interrupted = self._shutdown.requested and isinstance(result.outcome, Failed)
        return JobResult(result.customer.email, result, interrupted=interrupted)

    def _tell(self, progress: Progress) -> None:
        self._shutdown.check()
        with self._hearing:
            self._show(lambda: self._listener(progress))

    def _note(self, future: "Future[JobResult]", result: JobResult) -> None:
        with self._hearing:
            future.set_result(result)
            self._show(lambda: self._ended(result))

    def _show(self, show: Callable[[], None]) -> None:
        """What cannot be shown ends nobody's job; a reader who has left ends all of them, as Ctrl-C does."""
        try:
            show()
        except BrokenPipeError:
            self._shutdown.request()
        except OSError:
            return


def _services(settings: Settings, rates: Path, clock: Clock, *, together: bool) -> Services:
    if not together:
        return Services(settings, rates, clock)

    def new_cloud() -> "DigitalOcean":
        from provisioner.services.digitalocean.shared import SharedCloud

        client = partial(SharedCloud, tag=FLEET_TAG, interval=settings.droplet.poll_seconds)
        return connect_cloud(settings, rates, clock, client)

    return Services(settings, rates, clock, new_cloud=new_cloud)


def _join(threads: Sequence[threading.Thread], seconds: float) -> bool:
    """Wait so long for all of them; whether they have ended."""
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _too_many(who: str, problem: RuntimeError) -> ProvisionerError:
    hint = "run the same command again with fewer --jobs"
    return ProvisionerError("begin the setup", whom=who, cause=problem, hint=hint, retry=True)


class _Place:
    """One customer's place among those at work; a listener, which gives it up while it waits for a person."""

    def __init__(self, places: threading.Semaphore, listener: Listener) -> None:
        self._places = places
        self._listener = listener
        self._held = False

    def take(self) -> None:
        self._places.acquire()
        self._held = True

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._places.release()

    def __call__(self, progress: Progress) -> None:
        if progress.kind == "waiting":
            self.leave()
        elif not self._held:
            self.take()
        self._listener(progress)

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        self.leave()
