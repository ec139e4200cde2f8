"""What customers' own keys for the model may spend, and have spent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.job_results import RunsResult, document
from provisioner.customers.model_key import budget_of, month_of, spent_in
from provisioner.timestamps import present

if TYPE_CHECKING:
    from provisioner.customers.record import Customer
    from provisioner.runs.runner import RunResult


@dataclass(frozen=True)
class ModelKeyResult(RunsResult):
    """What a key is like after it was looked at; `monthly` is the settings' budget, in dollars."""

    kind: str = "modelKey"
    verb: str = "model-key"
    monthly: int = 0

    def document(self) -> dict[str, object]:
        entries = [
            {**document(job), "modelKey": self._entry(job.result.customer) if job.result else None}
            for job in self.jobs
        ]
        return {**super().document(), "customers": entries}

    def success(self, result: "RunResult") -> str:
        customer, own = result.customer, result.customer.setup.model_key
        if own.hash is None:
            more = f"; one of their own would have ${own.budget} a month" if own.budget else ""
            return f"{customer.email}: no key of their own for the model{more}"
        state = "stopped" if own.stopped else "refused for now" if own.disabled else "in use"
        spent, budget = self._cents(customer)
        return (
            f"{customer.email}: ${spent / 100:.2f} of ${budget // 100} spent this month; the key is {state}"
        )

    def _cents(self, customer: "Customer") -> tuple[int, int]:
        return spent_in(customer, month_of(present())), budget_of(customer, self.monthly)

    def _entry(self, customer: "Customer") -> dict[str, object] | None:
        own = customer.setup.model_key
        if own.hash is None:
            return None
        spent, budget = self._cents(customer)
        return {
            "provider": own.provider,
            "name": own.name,
            "hash": own.hash,
            "stopped": own.stopped,
            "refused": own.disabled,
            "budgetCents": budget,
            "spentCents": spent,
            "limitCents": own.limit,
            "checkedAt": own.checked_at,
            "spend": own.spend or {},
        }
