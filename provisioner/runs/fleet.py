"""Many customers at once: each in a thread of its own, so that one's failure or wait is nobody else's."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.clock import Clock
from provisioner.errors import ProvisionerError
from provisioner.runs.progress import Listener, Progress
from provisioner.runs.runner import Runner, RunResult
from provisioner.runs.shutdown import Stop, StoppableClock, Stopped
from provisioner.runs.workflow import PROVISION, Workflow
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Failed, Waiting
from provisioner.steps.droplet.identity import FLEET_TAG
from provisioner.workspace import Workspace

if TYPE_CHECKING:
    from provisioner.services.digitalocean.client import DigitalOcean

JOBS = 50
"""How many customers are at work at the same moment, unless the operator says otherwise."""
MOMENT_SECONDS = 1.0
"""Runs that take longer to stop are waited for in sight."""
GRACE_SECONDS = 10.0
"""How long runs may take to stop when the operator asks for it; resuming finds again what they lose."""

_SEVERITY = (0, 3, 4, 2, 1, 130)
WAITING = 3
INTERRUPTED = 130


@dataclass(frozen=True)
class Ending:
    """How it ended for one customer.

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
    def exit_code(self) -> int:
        if self.interrupted:
            return INTERRUPTED
        if self.error or self.bug:
            return self.error.exit_code if self.error else 1
        return WAITING if self.waiting else 0


def worst(endings: Sequence[Ending]) -> int:
    """The exit code for all: done, waiting, busy, wrong input, failed, interrupted."""
    return max((ending.exit_code for ending in endings), key=_SEVERITY.index, default=0)


class Fleet:
    """Takes customers of one workspace through the steps, up to `jobs` at the same moment."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        listener: Listener,
        *,
        workflow: Workflow = PROVISION,
        jobs: int = JOBS,
        ended: Callable[[Ending], None] = lambda _: None,
        stopping: Callable[[], None] = lambda: None,
    ) -> None:
        """`listener` and `ended`, which is told each ending, are called from many threads, one at a time.

        `stopping` is called when runs that were to stop take longer than a moment.
        """
        self._ended = ended
        self._stopping = stopping
        self._workspace = workspace
        self._settings = settings
        self._listener = listener
        self._workflow = workflow
        self._jobs = jobs
        self._stop = Stop()
        self._hearing = threading.Lock()
        self._endings: dict[str, Ending] = {}

    def provision(
        self, customers: Sequence[str], *, until: str | None = None, patience: float = 0.0
    ) -> list[Ending]:
        """Take each as far as possible; their endings in the order of `customers`.

        `patience` as in `Runner.provision`; who waits for a person leaves their place to others. Ctrl-C
        (KeyboardInterrupt) ends all runs after what they are just writing; at a second one it is raised.
        """
        clock = StoppableClock(self._stop)
        services = FleetServices(
            self._settings, self._workspace.rates_dir, clock, together=len(customers) > 1
        )
        places = threading.Semaphore(self._jobs)
        threads: list[threading.Thread] = []

        def run(who: str, place: "_Place") -> None:
            with place:
                ending = self._run(who, place, services, clock, until, patience)
            self._note(ending, who)

        try:
            for who in customers:
                place = _Place(places, self._tell)
                place.take()
                # They must not keep the process alive at a second Ctrl-C.
                threads.append(threading.Thread(target=run, args=(who, place), name=who, daemon=True))
                try:
                    threads[-1].start()
                except RuntimeError as problem:
                    threads.pop()
                    place.leave()
                    self._note(Ending(who, refusal=_too_many(who, problem)), who)
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            self._stop_all(threads)
        return [self._endings.get(who, Ending(who, interrupted=True)) for who in customers]

    def _run(
        self,
        who: str,
        listener: Listener,
        services: Services,
        clock: Clock,
        until: str | None,
        patience: float,
    ) -> Ending:
        runner = Runner(
            self._workspace,
            self._settings,
            listener,
            workflow=self._workflow,
            services=services,
            clock=clock,
            attend=self._stop.attend,
        )
        try:
            self._stop.check()
            result = runner.run(who, until=until, patience=patience)
        except Stopped:
            return Ending(who, interrupted=True)
        except ProvisionerError as refusal:
            return Ending(who, refusal=refusal)
        except Exception as bug:
            return Ending(who, bug=bug)
        # A step may take its closed connection for a failure.
        stopped = self._stop.asked and isinstance(result.outcome, Failed)
        return Ending(result.customer.email, result, interrupted=stopped)

    def _tell(self, progress: Progress) -> None:
        self._stop.check()
        with self._hearing:
            self._show(lambda: self._listener(progress))

    def _note(self, ending: Ending, who: str) -> None:
        with self._hearing:
            self._endings[who] = ending
            self._show(lambda: self._ended(ending))

    def _show(self, show: Callable[[], None]) -> None:
        """What cannot be shown ends nobody's run; a reader who has left stops all of them, as Ctrl-C does."""
        try:
            show()
        except BrokenPipeError:
            self._stop.ask()
        except OSError:
            return

    def _stop_all(self, threads: Sequence[threading.Thread]) -> None:
        self._stop.ask()
        # Ctrl-C may have come before the last one was started.
        started = [thread for thread in threads if thread.ident is not None]
        if not _join(started, MOMENT_SECONDS):
            self._stopping()
            _join(started, GRACE_SECONDS)


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


class FleetServices(Services):
    """The services of all runs of one process; `together` has many customers ask for droplets in common."""

    def __init__(self, settings: Settings, rates: Path, clock: Clock, *, together: bool) -> None:
        super().__init__(settings, rates, clock)
        self._together = together

    def _new_cloud(self) -> "DigitalOcean":
        if not self._together:
            return super()._new_cloud()
        from provisioner.services.digitalocean.fleet import FleetCloud

        interval = self._settings.droplet.poll_seconds
        return self._connected(partial(FleetCloud, tag=FLEET_TAG, interval=interval))
