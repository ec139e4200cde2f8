"""Writing down that a workflow is asked for; whoever works for the workspace finds it in the record."""

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.leaving import at
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.runs.admission import demand_allowed
from provisioner.runs.workflow import Workflow
from provisioner.timestamps import written


def ask_for(
    store: CustomerStore,
    who: str,
    workflow: Workflow,
    by: str,
    reason: str | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Customer:
    """The customer, in whose record the request is; on disk when this returns.

    What was asked for before and is not done stays one request. Who asks does not wait until what has
    failed would be tried again by itself. InputError for whom it may not start.
    """
    demand_allowed(workflow, store.find(who), workflow.doing)
    with store.edit(who, f"ask for {workflow.name}") as record:
        customer = record.customer
        if customer.retry is not None and customer.retry.workflow == workflow.name:
            record.set("retry.notBefore", None)
        if not any(one.workflow == workflow.name for one in customer.requests):
            request = {"workflow": workflow.name, "at": written(at(clock.time())), "by": by, "reason": reason}
            record.set("requests", [*(record.get("requests") or []), request])
            event = f"{workflow.name.replace('-', '_')}_requested"
            record.add_event(event, reason or "As soon as a place is free", by=by)
    return record.customer
