"""What stands in the way of a run before it begins: for whom it may start, and what is missing for it."""

from provisioner.customers.handing_over import is_handing_over
from provisioner.customers.leaving import is_leaving
from provisioner.customers.lifecycle import has_left
from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.customers.store import Found
from provisioner.errors import InputError, ProvisionerError, SomethingMissing
from provisioner.printable import command
from provisioner.runs.workflow import HANDOVER, Workflow
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Step


def demand_allowed(workflow: Workflow, found: Found, doing: str) -> Customer:
    """The customer; InputError for who is archived, paused, upgraded just now or has another status."""
    customer = found.record.customer
    if found.archived and not workflow.of_archived:
        hint = command("restore", customer.email)
        raise InputError(doing, whom=customer.email, cause="the record is archived", hint=hint)
    if customer.status not in workflow.allowed_statuses:
        cause = f"the status is {customer.status}"
        raise InputError(doing, whom=customer.email, cause=cause, hint=_what_may_start(workflow, customer))
    if is_handing_over(customer) and workflow.name != HANDOVER.name:
        hint = f"it goes on with: {command('handover', customer.email)}"
        raise InputError(doing, whom=customer.email, cause="their server is being handed over", hint=hint)
    if is_paused(customer) and not workflow.of_paused:
        hint = f"to have it run again: {command('pause', customer.email, options='--undo')}"
        raise InputError(doing, whom=customer.email, cause="their assistant is paused", hint=hint)
    upgrade = customer.setup.upgrade
    if upgrade is not None and not workflow.of_upgraded:
        hint = f"finish that first: {command('upgrade', customer.email)}"
        cause = f"the upgrade to {upgrade.version} is under way"
        raise InputError(doing, whom=customer.email, cause=cause, hint=hint)
    return customer


def _what_may_start(workflow: Workflow, customer: Customer) -> str:
    if has_left(customer.status) and is_leaving(customer):
        return f"if they stay: {command('cancel', customer.email, options='--undo')}"
    if has_left(customer.status):
        again = command("update", customer.email, "status", "pending_setup", options="--force")
        return f"if they come back: {again}"
    return f"{workflow.name} may start where it is {' or '.join(workflow.allowed_statuses)}"


def admitted(workflow: Workflow, found: Found, doing: str) -> Customer:
    """As `demand_allowed`, but a customer for whom nothing is to do may have any status."""
    customer = found.record.customer
    if found.archived or workflow.undone(customer):
        return demand_allowed(workflow, found, doing)
    return customer


def missing_for(step: Step, settings: Settings, services: Services, customer: Customer) -> list[str]:
    """What a step needs and what outside services would refuse it, each as an instruction.

    A ProvisionerError if one of them cannot be asked.
    """
    # They are asked only with all that it takes to ask them.
    return step.needs(settings, customer) or step.refusals(settings, services, customer)


def demand_nothing_missing(
    workflow: Workflow, settings: Settings, services: Services, customer: Customer, doing: str
) -> None:
    """SomethingMissing that names all that is, for the steps that are not done.

    A service that does not answer now may when its turn comes: that stops nobody.
    """
    undone = workflow.undone(customer)
    missing = [need for step in undone for need in step.needs(settings, customer)]
    missing = missing or [one for step in undone for one in _refusals(step, settings, services, customer)]
    if missing:
        hint = "\n".join(dict.fromkeys(missing))
        raise SomethingMissing(doing, whom=customer.email, cause="something is missing", hint=hint)


def _refusals(step: Step, settings: Settings, services: Services, customer: Customer) -> list[str]:
    try:
        return step.refusals(settings, services, customer)
    except ProvisionerError as error:
        if not error.retry:
            raise
        return []
