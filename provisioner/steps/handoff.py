"""The step handoff: the assistant answers, its customer is told, and the record says complete."""

from provisioner.customers.done import is_done
from provisioner.customers.record import Customer
from provisioner.messaging.names import spoken_name
from provisioner.messaging.registry import channel_of
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Waiting, Work
from provisioner.steps.answer import demand_answer, has_answered
from provisioner.steps.audit import audit, is_audited
from provisioner.timestamps import now


class Handoff(Step):
    """Sees the assistant answer, sends the onboarding message and closes the setup."""

    name = "handoff"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return settings.missing_for_customers()

    def done(self, customer: Customer) -> bool:
        return is_done(customer, self.name)

    def plan(self, work: Work) -> list[Planned]:
        handoff = work.customer.setup.handoff
        return [
            Planned(
                "have the assistant answer once",
                needed=not has_answered(work) and not self.done(work.customer),
            ),
            Planned("send the onboarding message", needed=not handoff.onboarding_message_sent),
            Planned(
                "have its security audited", needed=not is_audited(work) and not self.done(work.customer)
            ),
            Planned("close the setup", needed=not self.done(work.customer)),
        ]

    def run(self, work: Work) -> Outcome:
        demand_answer(work)
        if not work.customer.setup.handoff.onboarding_message_sent:
            waiting = self._send_onboarding(work)
            if waiting is not None:
                return waiting
        audit(work)
        self._close(work)
        return Done()

    def arrived(self, work: Work) -> bool:
        return channel_of(work.customer).arrived(work)

    def _close(self, work: Work) -> None:
        """A customer who was handed over before has another server now, and is told that it answers."""
        droplet, handoff = work.customer.setup.droplet, work.customer.setup.handoff
        fields: dict[str, object] = {
            "setup.handoff.completed": True,
            "setup.handoff.dropletId": droplet.id,
            "setup.status": "complete",
            "status": "active",
        }
        if handoff.completed_at is None:
            fields["setup.handoff.completedAt"] = now()
            words = "Setup complete; the customer talks to their own Moltbot"
            work.record("onboarding_complete", words, fields)
            return
        back = work.text("back.txt", {})
        work.record(
            "rebuild_complete", f"The customer talks to their Moltbot on droplet {droplet.id}", fields
        )
        channel_of(work.customer).tell(work, back)

    def _send_onboarding(self, work: Work) -> Waiting | None:
        work.say("sending the onboarding message")
        channel = channel_of(work.customer)
        waiting = channel.greet(work, onboarding_text(work))
        if waiting is None:
            work.record(
                "onboarding_message_sent",
                f"Sent through {channel.sender(work.customer)}",
                {"setup.handoff.onboardingMessageSent": True},
            )
        return waiting


def onboarding_text(work: Work) -> str:
    """The first message that the customer reads from their Moltbot."""
    return work.text("onboarding.txt", {"first_name": spoken_name(work.customer.name)})
