"""What stands in the way of a run before it begins: who may have one, and what is missing for it."""

from collections.abc import Sequence

from provisioner.customers.folders import Found
from provisioner.customers.record import Customer
from provisioner.errors import InputError, ProvisionerError
from provisioner.printable import command
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Step


def demand_here(found: Found, doing: str) -> Customer:
    """The customer; InputError for one who has gone or is archived, with what brings them back."""
    customer = found.record.customer
    if found.archived:
        hint = command("restore", customer.email)
        raise InputError(doing, whom=customer.email, cause="the record is archived", hint=hint)
    if customer.status in ("cancelled", "handed_over"):
        again = command("update", customer.email, "status", "pending_setup", options="--force")
        cause = f"the status is {customer.status}"
        raise InputError(doing, whom=customer.email, cause=cause, hint=f"if they come back: {again}")
    return customer


def missing_for(step: Step, settings: Settings, services: Services, customer: Customer) -> list[str]:
    """What a step needs and what outside services would refuse it, each as an instruction.

    A ProvisionerError if one of them cannot be asked.
    """
    # They are asked only with all that it takes to ask them.
    return step.needs(settings, customer) or step.refusals(settings, services, customer)


def demand_nothing_missing(
    steps: Sequence[Step], settings: Settings, services: Services, customer: Customer, doing: str
) -> None:
    """InputError that names all that is missing for the steps that are not done.

    A service that does not answer now may when its turn comes: that stops nobody.
    """
    wanting = [step for step in steps if not step.done(customer)]
    missing = [need for step in wanting for need in step.needs(settings, customer)]
    missing = missing or [one for step in wanting for one in _refusals(step, settings, services, customer)]
    if missing:
        hint = "\n".join(dict.fromkeys(missing))
        raise InputError(doing, whom=customer.email, cause="something is missing", hint=hint)


def _refusals(step: Step, settings: Settings, services: Services, customer: Customer) -> list[str]:
    try:
        return step.refusals(settings, services, customer)
    except ProvisionerError as error:
        if not error.retry:
            raise
        return []
