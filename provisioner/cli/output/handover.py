"""A server that became its customer's own: each secret, what was done about it, and how that was proven."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.cli.output.job_results import RunsResult, document
from provisioner.cli.output.result import Block, Message, Table

if TYPE_CHECKING:
    from provisioner.customers.record import Customer
    from provisioner.runs.fleet import JobResult
    from provisioner.runs.runner import RunResult

_HEADER = ("WHAT", "DONE", "PROVEN BY")
_PAYING = ("active", "trialing", "past_due", "unpaid")


@dataclass(frozen=True)
class HandoverResult(RunsResult):
    """How the run for the customer ended, with the report as far as it is."""

    kind: str = "handover"
    verb: str = "handover"

    def blocks(self) -> Iterator[Block]:
        for customer in filter(None, map(_customer, self.jobs)):
            if customer.handover and customer.handover.report:
                rows = [(one.what, one.done, one.proof) for one in customer.handover.report]
                yield Table(_HEADER, rows, {})
            for line in _left_to_you(customer):
                yield Message(line)
        yield from super().blocks()

    def document(self) -> dict[str, object]:
        entries = [{**document(job), **_entry(job)} for job in self.jobs]
        return {**super().document(), "customers": entries}

    def success(self, result: "RunResult") -> str:
        customer = result.customer
        if customer.handover is None or customer.handover.ended_at is None:
            return f"{customer.email}: nothing to do"
        return f"{customer.email}: handed over on {customer.handover.ended_at[:10]}"


def _customer(job: "JobResult") -> "Customer | None":
    return job.result.customer if job.result else None


def _entry(job: "JobResult") -> dict[str, object]:
    customer = _customer(job)
    if customer is None or customer.handover is None:
        return {"status": customer.status if customer else None, "report": [], "leftToYou": []}
    report = [one.model_dump(by_alias=True) for one in customer.handover.report]
    return {"status": customer.status, "report": report, "leftToYou": list(_left_to_you(customer))}


def _left_to_you(customer: "Customer") -> Iterator[str]:
    """What no program of ours does, when it is done."""
    handover, droplet, paid = customer.handover, customer.setup.droplet, customer.subscription
    if handover is None or handover.ended_at is None:
        return
    yield (
        f"droplet {droplet.id} stays on this DigitalOcean account, which pays for it and can reach its "
        "console: bill it as agreed, or have it moved to the customer's account (docs/handover.md)"
    )
    if customer.setup.messaging.managed:
        yield ("the manager bot can ask Telegram for their bot's token: the customer ends that in @BotFather")
    if not handover.own_model_key:
        yield "the assistant stands still until the customer has put a key for the model on the server"
    yield (
        "the shared model key was on the server until now: if others had access to it there, replace it, and "
        "have the other servers take it over: provisioner apply --all"
    )
    if paid.stripe_subscription_id and paid.status in _PAYING:
        yield f"their subscription {paid.stripe_subscription_id} is {paid.status}: end or change it at Stripe"
