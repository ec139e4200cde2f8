"""Writing down what is wanted of customers' own keys for the model, before the provider is told of it."""

from provisioner.customers.model_key import GROUP, may_have_key
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.errors import InputError
from provisioner.printable import command
from provisioner.runs.admission import demand_allowed
from provisioner.runs.workflow import MODEL_KEY


def ask_of_model_key(
    store: CustomerStore, who: str, by: str, *, budget: int | None = None, stopped: bool | None = None
) -> Customer:
    """The customer, in whose record it is; `budget` is in dollars a month. None leaves it as it is.

    InputError for who is archived, and for who has no key that could be stopped or started.
    """
    customer = demand_allowed(MODEL_KEY, store.find(who), MODEL_KEY.doing)
    if stopped is not None and not may_have_key(customer):
        cause = "they have no key of their own for the model"
        raise InputError(MODEL_KEY.doing, whom=customer.email, cause=cause, hint=_how(customer))
    if budget is None and stopped is None:
        return customer
    with store.edit(who, "change the key for the model") as record:
        own = record.customer.setup.model_key
        changes: dict[str, object] = {}
        words = []
        if budget is not None and budget != own.budget:
            changes[f"{GROUP}.budget"] = budget
            words.append(f"up to ${budget} a month")
        if stopped is not None and stopped != own.stopped:
            changes[f"{GROUP}.stopped"] = stopped
            words.append("stopped" if stopped else "to be used again")
        record.update(changes)
        if words:
            record.add_event("model_key_changed", ", ".join(words), by=by)
    return record.customer


def _how(customer: Customer) -> str:
    apply = command("apply", customer.email)
    return f'with [model_keys] provider = "openrouter" they get one: {apply}; docs/model-keys.md says more'
