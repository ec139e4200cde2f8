"""The step model-key: what a customer's own key has spent, and what follows from it."""

from datetime import timedelta
from typing import Final

from provisioner.customers.done import is_done
from provisioner.customers.leaving import at
from provisioner.customers.model_key import (
    GROUP,
    Part,
    budget_of,
    seen,
    spent_in,
    to_say,
    with_said,
)
from provisioner.customers.record import Customer
from provisioner.errors import ModelError
from provisioner.messaging.registry import channel_of
from provisioner.printable import command
from provisioner.services.model_keys.errors import ModelKeyGone
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.model_key import align_model_key, missing_for_own_key, this_month
from provisioner.timestamps import written

_TEXTS: Final[dict[Part, str]] = {80: "budget-80.txt", 100: "budget-spent.txt"}


class WatchModelKey(Step):
    """Has the provider keep to what the record says, writes down what is spent, and says when it is much."""

    name = "model-key"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return missing_for_own_key(settings, customer)

    def done(self, customer: Customer) -> bool:
        """Only of who has no key: what is spent is never known for long."""
        return customer.setup.model_key.hash is None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("ask what their key for the model has spent", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        hashed = work.customer.setup.model_key.hash
        assert hashed, "a step that is not done has one"
        try:
            key = align_model_key(work, work.services.model_keys.key(hashed))
        except ModelKeyGone as gone:
            raise _gone(work.customer, gone) from None
        checked = written(at(work.clock.time()))
        work.write({**seen(work.customer, key.spent, this_month(work)), f"{GROUP}.checkedAt": checked})
        part = to_say(work.customer, work.settings.model_keys.monthly_budget, this_month(work))
        if part is not None:
            _say(work, part)
        return Done()


def _say(work: Work, part: Part) -> None:
    """Write down that it is said, and say it to the customer; the operator reads it in the record."""
    month, budget = this_month(work), budget_of(work.customer, work.settings.model_keys.monthly_budget)
    spent = spent_in(work.customer, month)
    fields = with_said(work.customer, month, part)
    # Before it goes out: nothing is said twice.
    work.record(
        "model_budget_reached", f"{part} % of this month's ${budget / 100:.0f}: ${spent / 100:.2f}", fields
    )
    if is_done(work.customer, "messaging"):
        text = work.text(_TEXTS[part], {"percent": part, "next_month": _next_month(work)})
        channel_of(work.customer).tell(work, text)


def _next_month(work: Work) -> str:
    """The day on which the budget is whole again: "1 December"."""
    first = at(work.clock.time()).replace(day=1) + timedelta(days=32)
    return f"1 {first:%B}"


def _gone(customer: Customer, gone: ModelKeyGone) -> ModelError:
    return ModelError(
        "look at the customer's key for the model",
        whom=customer.email,
        cause=gone.cause,
        hint=f"somebody has deleted it; a new one: {command('apply', customer.email, options='--again')}",
    )
