"""What a run of one customer would do, without doing it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from provisioner.customers.record import Customer
from provisioner.customers.wanted import Wanted, wanted_of
from provisioner.runs.admission import admitted, missing_for
from provisioner.runs.work import CustomerWork
from provisioner.runs.workflow import PROVISION, Workflow
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Planned, Step
from provisioner.workspace import Workspace

_LONGEST_WAIT_SECONDS = 20


@dataclass(frozen=True)
class StepPlan:
    """One step: whether the record says that it is done, what is missing for it, what it would do."""

    step: str
    done: bool
    missing: tuple[str, ...]
    planned: tuple[Planned, ...]


@dataclass(frozen=True)
class Plan:
    """All steps of one customer, and what they are to have."""

    customer: Customer
    steps: tuple[StepPlan, ...]
    wanted: Wanted

    @property
    def missing(self) -> bool:
        return any(step.missing for step in self.steps)


def plan(
    workspace: Workspace,
    settings: Settings,
    who: str,
    say: Callable[[str], None],
    *,
    workflow: Workflow = PROVISION,
    services: Services | None = None,
) -> Plan:
    """Ask each step what it would do; a server that is there is asked too, by the guards of its playbooks.

    InputError for a customer whom a run would refuse; RemoteError if that server cannot be reached, and
    CloudError if the cloud cannot be asked, or says that it is gone.
    """
    found = workspace.store().find(who)
    customer = admitted(workflow, found, "plan the setup")
    services = services or Services(settings, workspace.rates_dir)
    with closing(CustomerWork(workspace, _looking(settings), services, found.record)) as work:
        work.tell(say)
        steps = tuple(_plan_step(step, work) for step in workflow.steps)
        return Plan(customer, steps, wanted_of(customer, settings))


def _looking(settings: Settings) -> Settings:
    """A run waits for a server that boots; who only looks is told soon that it does not answer."""
    seconds = min(settings.droplet.ssh_seconds, _LONGEST_WAIT_SECONDS)
    droplet = settings.droplet.model_copy(update={"ssh_seconds": seconds})
    return settings.model_copy(update={"droplet": droplet})


def _plan_step(step: Step, work: CustomerWork) -> StepPlan:
    done = step.done(work.customer)
    missing = () if done else tuple(missing_for(step, work.settings, work.services, work.customer))
    planned = () if missing else tuple(step.plan(work))
    return StepPlan(step.name, done, missing, planned)
