"""One customer through the steps."""

import secrets
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from provisioner.customers.record import Customer
from provisioner.errors import InputError, ProvisionerError
from provisioner.progress import Listener, RunLog, StepClock, tell_all
from provisioner.secrets import Redactor
from provisioner.services import Services
from provisioner.settings import Settings
from provisioner.steps import STEPS
from provisioner.steps.base import Done, Failed, Outcome, Step, Waiting
from provisioner.timestamps import now
from provisioner.work import CustomerWork
from provisioner.workspace import Workspace

LOOK_SECONDS = 2.0
"""How often a run that keeps waiting looks whether it may go on."""


@dataclass(frozen=True)
class RunResult:
    """How a run of one customer ended; `step` is the last one that was run, None if nothing was to do."""

    customer: Customer
    run: str
    step: str | None
    outcome: Outcome
    seconds: float


class Runner:
    """Moves the customers of one workspace through the steps, each under its run lock."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        listener: Listener,
        *,
        services: Services | None = None,
        steps: Sequence[Step] = STEPS,
    ) -> None:
        self._workspace = workspace
        self._settings = settings
        self._listener = listener
        self._services = services or Services(settings)
        self._steps = steps

    def provision(self, who: str, *, until: str | None = None, patience: float = 0.0) -> RunResult:
        """Take a customer as far as possible, or through the step `until`.

        Where a person has to do something the run ends, or first looks out for it for `patience` seconds.
        Raises InputError before anything is done if something is missing, and BusyError if another
        process has this customer; what fails later is the result's outcome.
        """
        began = time.monotonic()
        store = self._workspace.store()
        run = f"{now().replace(':', '')}-{secrets.token_hex(3)}"
        customer = store.read(who).customer
        if store.is_archived(who):
            hint = f"provisioner restore {customer.email}"
            raise InputError("provision", whom=customer.email, cause="the record is archived", hint=hint)
        steps = self._steps_until(until)
        if all(step.done(customer) for step in steps):
            return RunResult(customer, run, None, Done(), time.monotonic() - began)
        self._check(customer, steps)
        with store.claim(who, doing=f"provision {customer.email}"):
            redact = Redactor(self._settings.secret_values())
            log = RunLog(self._workspace.runs_dir, run, redact)
            work = CustomerWork(self._workspace, self._settings, self._services, store.read(who), redact)
            with closing(log), closing(work):
                walk = _Walk(work, tell_all(self._listener, log), began + patience)
                step, outcome = walk.through(steps)
                return RunResult(work.customer, run, step, outcome, time.monotonic() - began)

    def _steps_until(self, until: str | None) -> Sequence[Step]:
        names = [step.name for step in self._steps]
        if until is None:
            return self._steps
        if until not in names:
            raise InputError(
                "provision", cause=f"there is no step {until!r}", hint=f"one of {', '.join(names)}"
            )
        return self._steps[: names.index(until) + 1]

    def _check(self, customer: Customer, steps: Sequence[Step]) -> None:
        if customer.status in ("cancelled", "handed_over"):
            hint = f"provisioner update {customer.email} status pending_setup --force"
            raise InputError(
                "provision", whom=customer.email, cause=f"the status is {customer.status}", hint=hint
            )
        missing = [
            need for step in steps if not step.done(customer) for need in step.needs(self._settings, customer)
        ]
        if missing:
            raise InputError(
                "begin the setup", whom=customer.email, cause="something is missing", hint="\n".join(missing)
            )


class _Walk:
    """One run's way through the steps."""

    def __init__(self, work: CustomerWork, listener: Listener, patient_until: float) -> None:
        self._work = work
        self._listener = listener
        self._patient_until = patient_until

    def through(self, steps: Sequence[Step]) -> tuple[str | None, Outcome]:
        """Run what is not done, up to the first step that does not end as done."""
        last: str | None = None
        for step in steps:
            clock = StepClock(self._listener, self._work.customer.email, step.name)
            if step.done(self._work.customer):
                clock.tell("skipped")
                continue
            last = step.name
            clock.tell("started")
            outcome = self._run(step, clock)
            if not isinstance(outcome, Done):
                return last, outcome
            clock.tell("done")
        return last, Done()

    def _run(self, step: Step, clock: StepClock) -> Outcome:
        self._work.tell(lambda text: clock.tell("said", text))
        try:
            outcome = step.run(self._work)
            while isinstance(outcome, Waiting):
                self._work.note_waiting(outcome)
                clock.tell("waiting", f"waiting for {outcome.of_whom} {outcome.to_do}")
                if not self._came(outcome):
                    return outcome
                outcome = step.run(self._work)
            self._work.note_waiting(None)
        except ProvisionerError as error:
            clock.tell("failed", error.summary)
            return Failed(error)
        return outcome

    def _came(self, waiting: Waiting) -> bool:
        """Look out for it as long as the run has patience; True if it may have come."""
        while time.monotonic() < self._patient_until:
            time.sleep(LOOK_SECONDS)
            if waiting.arrived is None or waiting.arrived():
                return True
        return False
