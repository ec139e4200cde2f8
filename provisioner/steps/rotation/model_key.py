"""Another key for the model in the place of the customer's own.

The new one is on the server and has answered before the old one is deleted, and the old one is seen to be
refused. Meanwhile there are two, both of which the record names.
"""

from provisioner.customers.model_key import GROUP, carried_on
from provisioner.customers.parts.setup import KeyReplacement
from provisioner.customers.record import Customer
from provisioner.customers.rotating import MODEL_KEY, is_rotating
from provisioner.errors import ModelError, RemoteError
from provisioner.printable import command
from provisioner.services.model_keys.errors import ModelKeyGone
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.answer import refusal
from provisioner.steps.model_key import (
    align_model_key,
    delete_one,
    delete_others,
    demand_refused,
    make_and_put,
    missing_for_own_key,
    secret_on_server,
    spent_to_the_end,
    this_month,
)
from provisioner.steps.moltbot import configure_gateway

_PROGRESS = f"{GROUP}.replacement"
_DOING = "replace the key for the model"


class RotateModelKey(Step):
    """Replaces the customer's own key for the model."""

    name = MODEL_KEY

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return missing_for_own_key(settings, customer)

    def done(self, customer: Customer) -> bool:
        return not is_rotating(customer, MODEL_KEY)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("replace their key for the model", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        if _progress_of(work).old is None:
            _put_the_new_one_there(work)
        old_secret = secret_on_server(work, _progress_of(work).old_mark)
        configure_gateway(work)
        _demand_answer(work)
        _delete_the_old_one(work, old_secret)
        _align(work)
        details = "The assistant has another key for the model, and the old one is refused"
        work.record("model_key_replaced", details, {_PROGRESS: None, "setup.rotation": None})
        return Done()


def _put_the_new_one_there(work: Work) -> None:
    """From its end on the new one is the customer's key, and the record knows the old one as such."""
    own = work.customer.setup.model_key
    # One whose secret was lost on the way, by an earlier try.
    delete_others(work, (own.hash,))
    placed = make_and_put(work, _PROGRESS)
    work.write(
        {
            f"{GROUP}.hash": placed.hash,
            f"{GROUP}.mark": placed.mark,
            f"{_PROGRESS}.old": own.hash,
            f"{_PROGRESS}.oldMark": own.mark,
            f"{_PROGRESS}.hash": None,
            f"{_PROGRESS}.mark": None,
        }
    )


def _demand_answer(work: Work) -> None:
    work.say("having the assistant answer once")
    reason = refusal(work)
    if reason is not None:
        hint = f"the old key is still there; again: {command('rotate model-key', work.customer.email)}"
        raise RemoteError(_DOING, whom=work.customer.email, cause=reason, hint=hint)


def _delete_the_old_one(work: Work, secret: str | None) -> None:
    """Deleted, and seen to be: the provider knows it no more, and refuses it where it could be read."""
    progress = _progress_of(work)
    old = progress.old
    assert old, "it is written before the new one is used"
    spent = spent_to_the_end(work, old)
    if not progress.counted:
        counted = carried_on(work.customer, spent, this_month(work))
        work.write({**counted, f"{_PROGRESS}.counted": True})
    delete_one(work, old)
    try:
        work.services.model_keys.key(old)
    except ModelKeyGone:
        if secret is not None:
            demand_refused(work, secret)
        return
    cause = "the provider still has the old one although its end was accepted"
    raise ModelError(_DOING, whom=work.customer.email, cause=cause, retry=True)


def _align(work: Work) -> None:
    """The rest of the budget is the new one's."""
    hashed = work.customer.setup.model_key.hash
    if hashed is not None:
        align_model_key(work, work.services.model_keys.key(hashed))


def _progress_of(work: Work) -> KeyReplacement:
    return work.customer.setup.model_key.replacement or KeyReplacement()
