"""What the steps of a handover have in common."""

from abc import abstractmethod
from pathlib import Path

from provisioner.customers.handing_over import is_being_handed_over
from provisioner.customers.parts.departure import Handover
from provisioner.customers.record import Customer
from provisioner.settings import Settings
from provisioner.step import Planned, Step, Work

_REMOTE = Path(__file__).parent / "remote"


class HandoverStep(Step):
    """A step that has something to do for whose server is being handed over, as far as `behind` says so."""

    does: str
    """What it does, for a plan."""

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return not is_being_handed_over(customer) or self.behind(handover_of(customer))

    @abstractmethod
    def behind(self, handover: Handover) -> bool:
        """Whether the step is behind the customer; from the record alone."""

    def plan(self, work: Work) -> list[Planned]:
        return [Planned(self.does, needed=not self.done(work.customer))]


def handover_of(customer: Customer) -> Handover:
    """How far it is; a step that is not done has it."""
    assert customer.handover is not None, "only whose server is being handed over has something to do"
    return customer.handover


def reported(customer: Customer, what: str, done: str, proof: str) -> dict[str, object]:
    """The field of the report with this as its last entry, in the place of an earlier one about the same."""
    before = [one.model_dump(by_alias=True) for one in handover_of(customer).report if one.what != what]
    return {"handover.report": [*before, {"what": what, "done": done, "proof": proof}]}


def remote(name: str) -> str:
    """The text of a script that runs on the server."""
    return (_REMOTE / name).read_text("utf-8")
