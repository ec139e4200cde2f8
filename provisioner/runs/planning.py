"""What a run of one customer would do, without doing it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from provisioner.customers.known_secrets import known_redactor
from provisioner.customers.record import Customer
from provisioner.runs.admission import demand_here, missing_for
from provisioner.runs.work import CustomerWork
from provisioner.runs.workflow import STEPS
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Planned, Step
from provisioner.workspace import Workspace


@dataclass(frozen=True)
class StepPlan:
    """One step: whether the record says that it is done, what is missing for it, what it would do."""

    step: str
    done: bool
    missing: tuple[str, ...]
    planned: tuple[Planned, ...]


@dataclass(frozen=True)
class Plan:
    """All steps of one customer."""

    customer: Customer
    steps: tuple[StepPlan, ...]

    @property
    def missing(self) -> bool:
        return any(step.missing for step in self.steps)


def plan(
    workspace: Workspace,
    settings: Settings,
    who: str,
    say: Callable[[str], None],
    *,
    steps: Sequence[Step] = STEPS,
    services: Services | None = None,
) -> Plan:
    """Ask each step what it would do; a server that is there is asked too, by the guards of its playbooks.

    InputError for a customer whom a run would refuse; RemoteError if that server cannot be reached, and
    CloudError if the cloud cannot be asked, or says that it is gone.
    """
    found = workspace.store().find(who)
    record = found.record
    if not all(step.done(record.customer) for step in steps):
        demand_here(found, "plan the setup")
    redact = known_redactor(workspace.root, records=False)
    redact.learn(*settings.secret_values())
    with closing(
        CustomerWork(workspace, settings, services or Services(settings, workspace.rates_dir), record, redact)
    ) as work:
        work.tell(say)
        return Plan(record.customer, tuple(_plan_step(step, work) for step in steps))


def _plan_step(step: Step, work: CustomerWork) -> StepPlan:
    done = step.done(work.customer)
    missing = () if done else tuple(missing_for(step, work.settings, work.services, work.customer))
    planned = () if missing else tuple(step.plan(work))
    return StepPlan(step.name, done, missing, planned)
