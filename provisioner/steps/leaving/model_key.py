"""The key for the model of a customer who leaves: refused when the assistant stops, deleted in the end."""

from provisioner.customers.model_key import may_have_key
from provisioner.customers.parts.departure import Leaving
from provisioner.customers.record import Customer
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Work
from provisioner.steps.leaving.step import LeavingStep
from provisioner.steps.model_key import delete_model_key, missing_for_own_key, stop_model_key


class _OfOwnKey(LeavingStep):
    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return missing_for_own_key(settings, customer)


class StopModelKey(_OfOwnKey):
    """Has the provider refuse their key, and sees that it does; who stays gets it back."""

    name = "model-key"

    def behind(self, customer: Customer, leaving: Leaving) -> bool:
        return not may_have_key(customer) or customer.setup.model_key.disabled

    def plan(self, work: Work) -> list[Planned]:
        return [
            Planned("have the provider refuse their key for the model", needed=not self.done(work.customer))
        ]

    def run(self, work: Work) -> Outcome:
        stop_model_key(work)
        return Done()


class DeleteModelKey(_OfOwnKey):
    """Deletes their key, and sees that the provider knows it no more."""

    name = "delete-key"

    def behind(self, customer: Customer, leaving: Leaving) -> bool:
        return not may_have_key(customer)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("delete their key for the model", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        delete_model_key(work)
        return Done()
