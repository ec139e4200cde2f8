"""One customer through the steps of a workflow."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.record import Customer
from provisioner.errors import ProvisionerError
from provisioner.runs.admission import admitted, demand_nothing_missing
from provisioner.runs.log import RunLog, new_run
from provisioner.runs.progress import Listener, StepWatch, redacted, tell_all
from provisioner.runs.work import CustomerWork, note_waiting
from provisioner.runs.workflow import PROVISION, Workflow
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Done, Failed, Outcome, Step, Until, Waiting
from provisioner.workspace import Workspace

LOOK_SECONDS = 2.0
"""How often a run that keeps waiting looks whether it may go on."""


@dataclass(frozen=True)
class RunResult:
    """How a run of one customer ended; `step` is the last one that was run, None if nothing was to do.

    `steps` are those that were run, each with its seconds; the beginnings that are made before are in none.
    """

    customer: Customer
    run: str
    step: str | None
    outcome: Outcome
    seconds: float
    steps: tuple[tuple[str, float], ...] = ()


class Runner:
    """Takes the customers of one workspace through a workflow, each under their run lock."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        listener: Listener,
        *,
        workflow: Workflow = PROVISION,
        services: Services | None = None,
        clock: Clock = SYSTEM_CLOCK,
        around: Callable[[CustomerWork], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """`around` is a block around each run's work, for who may want to close it before its end."""
        self._workspace = workspace
        self._settings = settings
        self._listener = listener
        self._workflow = workflow
        self._services = services or Services(settings, workspace.rates_dir)
        self._clock = clock
        self._around = around

    def run(self, who: str, *, until: str | None = None, patience: float = 0.0) -> RunResult:
        """Take a customer as far as possible, or through the step `until`.

        Where a person has to do something the run ends, or first looks out for it for `patience` seconds
        from then on.
        Raises InputError before anything is done if something is missing, and BusyError if another
        process has this customer; what fails later is the result's outcome.
        """
        began = self._clock.monotonic()
        workflow, store = self._workflow.until(until), self._workspace.store()
        customer = admitted(workflow, store.find(who), workflow.doing)
        if not workflow.undone(customer):
            run = new_run(self._workspace.runs_dir)
            return RunResult(customer, run, None, Done(), self._clock.monotonic() - began)
        demand_nothing_missing(workflow, self._settings, self._services, customer, workflow.doing)
        with store.claim(who, doing=f"{workflow.name} {customer.email}"):
            # Somebody may have cancelled them meanwhile.
            found = store.find(who)
            admitted(workflow, found, workflow.doing)
            run = new_run(self._workspace.runs_dir)
            work = CustomerWork(self._workspace, self._settings, self._services, found.record, self._clock)
            log = RunLog(self._workspace.runs_dir, run, customer.id)
            listener = redacted(work.redact, tell_all(self._listener, log))
            with closing(log), closing(work), self._around(work):
                walk = _Walk(work, listener, patience)
                step, outcome = walk.through(workflow)
                seconds = self._clock.monotonic() - began
                return RunResult(work.customer, run, step, outcome, seconds, tuple(walk.times))


class _Walk:
    """One run's way through the steps."""

    def __init__(self, work: CustomerWork, listener: Listener, patience: float) -> None:
        self._work = work
        self._listener = listener
        self._patience = patience
        self.times: list[tuple[str, float]] = []
        """The steps that were run, with their seconds."""

    def through(self, workflow: Workflow) -> tuple[str | None, Outcome]:
        """Run what is not done, up to the first step that does not end as done."""
        last: str | None = None
        for step in workflow.steps:
            refused = self._begin(step)
            if refused is not None:
                return step.name, refused
        for step in workflow.steps:
            watch = StepWatch(self._listener, self._work.customer.email, step.name)
            if step.done(self._work.customer):
                watch.tell("skipped")
                continue
            last = step.name
            watch.tell("started")
            began = self._work.clock.monotonic()
            outcome = self._run(step, watch)
            self.times.append((step.name, self._work.clock.monotonic() - began))
            if not isinstance(outcome, Done):
                return last, outcome
            watch.tell("done")
        return last, Done()

    def _begin(self, step: Step) -> Failed | None:
        """What a step does before its turn; what may pass by itself is only said, as its turn comes yet."""
        if step.done(self._work.customer):
            return None
        watch = StepWatch(self._listener, self._work.customer.email, step.name)
        self._work.tell(lambda text: watch.tell("said", text))
        try:
            step.begin(self._work)
        except ProvisionerError as error:
            watch.tell("said" if error.retry else "failed", error.summary)
            return None if error.retry else Failed(error)
        return None

    def _run(self, step: Step, watch: StepWatch) -> Outcome:
        self._work.tell(lambda text: watch.tell("said", text))
        try:
            outcome = step.run(self._work)
            while isinstance(outcome, Waiting) and self._came(step, outcome, watch):
                outcome = step.run(self._work)
            if isinstance(outcome, Done):
                note_waiting(self._work, None)
            if isinstance(outcome, Until):
                watch.tell("waiting", str(outcome))
        except ProvisionerError as error:
            watch.tell("failed", error.summary)
            return Failed(error)
        return outcome

    def _came(self, step: Step, waiting: Waiting, watch: StepWatch) -> bool:
        """Note what is waited for, and look out for it as long as there is patience; True if it has come."""
        note_waiting(self._work, waiting)
        watch.tell("waiting", str(waiting))
        clock = self._work.clock
        give_up = clock.monotonic() + self._patience
        while clock.monotonic() < give_up:
            clock.sleep(LOOK_SECONDS)
            if step.arrived(self._work):
                return True
        return False
