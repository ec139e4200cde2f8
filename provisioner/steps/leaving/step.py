"""What the steps of leaving have in common."""

from abc import abstractmethod
from datetime import datetime

from provisioner.customers.leaving import at
from provisioner.customers.parts.departure import Leaving
from provisioner.customers.record import Customer
from provisioner.settings import Settings
from provisioner.step import Step, Work


class LeavingStep(Step):
    """A step that has something to do for who is leaving and stays leaving, as far as `behind` says so."""

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        leaving = customer.leaving
        if leaving is None or leaving.ended_at is not None or leaving.undo_at is not None:
            return True
        return self.behind(customer, leaving)

    @abstractmethod
    def behind(self, customer: Customer, leaving: Leaving) -> bool:
        """Whether the step is behind who is leaving in this way; from the record alone."""


def leaving_of(work: Work) -> Leaving:
    """How the customer of this work leaves; a step that is not done has it."""
    leaving = work.customer.leaving
    assert leaving is not None, "only who is leaving has something to do"
    return leaving


def present_of(work: Work) -> datetime:
    """This moment by the clock of the work."""
    return at(work.clock.time())
