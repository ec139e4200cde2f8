"""The assistant of a customer who leaves: stopped in time, backed up, and started again if they stay."""

from provisioner.customers.leaving import has_assistant, is_over, needs_backup, stays, stopped
from provisioner.customers.parts.departure import Leaving
from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.errors import CloudError, ProvisionerError, RemoteError
from provisioner.messaging.emails import was_told
from provisioner.messaging.registry import emails_to
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Until, Work
from provisioner.steps.backup import take_backup
from provisioner.steps.gateway import start_gateway, stop_gateway
from provisioner.steps.leaving.step import LeavingStep, leaving_of, present_of
from provisioner.steps.model_key import missing_for_own_key, start_model_key


class StopAssistant(LeavingStep):
    """Stops the gateway at the end of what is paid, so that the last backup has everything in it."""

    name = "stop"

    def behind(self, customer: Customer, leaving: Leaving) -> bool:
        return leaving.stopped_at is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned(f"stop the assistant from {leaving_of(work).stop_at} on", needed=True)]

    def begin(self, work: Work) -> None:
        """Tell the customer until when they have it, if that is not now."""
        leaving = leaving_of(work)
        if not is_over(leaving.stop_at, present_of(work)):
            emails_to(work).send("leaving", f"leaving {leaving.requested_at}")

    def run(self, work: Work) -> Outcome:
        leaving = leaving_of(work)
        if not is_over(leaving.stop_at, present_of(work)):
            return Until(leaving.stop_at, "the assistant is stopped")
        problem = _stop(work, leaving)
        details = f"The assistant does not run any more; asked for by {leaving.by or 'somebody'}"
        if problem is not None:
            details = f"The assistant could not be stopped, which its droplet's end does: {problem.cause}"
        work.record("assistant_stopped", details, stopped(leaving, present_of(work)))
        return Done()


def _stop(work: Work, leaving: Leaving) -> ProvisionerError | None:
    """Why it could not be stopped, which only who needs no backup may pass over."""
    if not has_assistant(work.customer):
        return None
    try:
        stop_gateway(work)
    except (RemoteError, CloudError) as problem:
        if not leaving.without_backup:
            raise
        return problem
    return None


class FinalBackup(LeavingStep):
    """Takes the last backup."""

    name = "backup"

    def behind(self, customer: Customer, leaving: Leaving) -> bool:
        return leaving.stopped_at is not None and not needs_backup(customer)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("take the last backup", needed=True)]

    def run(self, work: Work) -> Outcome:
        name = take_backup(work)
        work.record("final_backup_taken", name, {"leaving.backup": name})
        return Done()


class StartAgain(Step):
    """Starts the gateway of a customer who stays after all."""

    name = "undo"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return missing_for_own_key(settings, customer)

    def done(self, customer: Customer) -> bool:
        return customer.leaving is None or customer.leaving.undo_at is None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("have the assistant run again", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        leaving = leaving_of(work)
        if has_assistant(work.customer) and not is_paused(work.customer):
            start_model_key(work)
            start_gateway(work)
        if was_told(work.customer, f"leaving {leaving.requested_at}", f"cancelled {leaving.requested_at}"):
            emails_to(work).send("staying", f"staying {leaving.requested_at}")
        work.record("cancellation_undone", "The customer stays", stays(work.customer))
        return Done()
