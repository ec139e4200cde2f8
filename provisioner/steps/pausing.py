"""The assistant of a customer who is paused: stopped for as long as that lasts, and started again.

Both steps are done for who is not paused.
"""

from provisioner.customers.leaving import has_assistant
from provisioner.customers.parts.setup import Pause
from provisioner.customers.record import Customer
from provisioner.messaging.emails import was_told
from provisioner.messaging.registry import emails_to
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.gateway import start_gateway, stop_gateway
from provisioner.steps.model_key import missing_for_own_key, start_model_key, stop_model_key
from provisioner.timestamps import now


class Resume(Step):
    """Starts the gateway of a customer whose pause is to end."""

    name = "resume"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return missing_for_own_key(settings, customer)

    def done(self, customer: Customer) -> bool:
        pause = customer.setup.pause
        return pause is None or pause.undo_at is None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("have the assistant run again", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        pause = _pause_of(work)
        start_model_key(work)
        if has_assistant(work.customer):
            start_gateway(work)
            if was_told(work.customer, f"paused {pause.requested_at}"):
                emails_to(work).send("resumed", f"resumed {pause.requested_at}")
        work.record("assistant_resumed", "The pause has ended", {"setup.pause": None})
        return Done()


class PauseAssistant(Step):
    """Stops the gateway of a customer who is to be paused, so that no boot starts it, and tells them."""

    name = "pause"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return missing_for_own_key(settings, customer)

    def done(self, customer: Customer) -> bool:
        pause = customer.setup.pause
        return pause is None or pause.undo_at is not None or pause.paused_at is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("stop the assistant", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        pause = _pause_of(work)
        if has_assistant(work.customer):
            stop_gateway(work)
        stop_model_key(work)
        if has_assistant(work.customer):
            emails_to(work).send("paused", f"paused {pause.requested_at}")
        until = "until they have paid" if pause.until_paid else "until it is undone"
        details = f"The assistant does not run {until}; asked for by {pause.by or 'somebody'}"
        if pause.reason:
            details += f": {pause.reason}"
        work.record("assistant_paused", details, {"setup.pause.pausedAt": now()})
        return Done()


def _pause_of(work: Work) -> Pause:
    pause = work.customer.setup.pause
    assert pause is not None, "a step that is not done has one"
    return pause
