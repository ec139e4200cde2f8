"""The last step: the first message through the customer's own bot, and the record says complete."""

from provisioner.customers.record import Customer
from provisioner.messaging.names import spoken_name
from provisioner.messaging.platforms import platform_of
from provisioner.settings import Settings
from provisioner.steps.base import Done, Outcome, Planned, Waiting, Work
from provisioner.timestamps import now


class Handoff:
    """Sends the onboarding message and closes the setup."""

    name = "handoff"

    def needs(
        self,
        settings: Settings,  # noqa: ARG002 - the shape of a step
        customer: Customer,  # noqa: ARG002
    ) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return bool(customer.setup.handoff.completed) and customer.setup.status == "complete"

    def plan(self, work: Work) -> list[Planned]:
        handoff = work.customer.setup.handoff
        return [
            Planned("send the onboarding message", needed=not handoff.onboarding_message_sent),
            Planned("close the setup", needed=not self.done(work.customer)),
        ]

    def run(self, work: Work) -> Outcome:
        if not work.customer.setup.handoff.onboarding_message_sent:
            waiting = self._send_onboarding(work)
            if waiting is not None:
                return waiting
        work.record(
            "onboarding_complete",
            "Setup complete; the customer talks to their own Moltbot",
            {
                "setup.handoff.completed": True,
                "setup.handoff.completedAt": now(),
                "setup.status": "complete",
                "status": "active",
            },
        )
        return Done()

    def _send_onboarding(self, work: Work) -> Waiting | None:
        work.say("sending the onboarding message")
        waiting = platform_of(work.customer).greet(work, onboarding_text(work))
        if waiting is None:
            work.record(
                "onboarding_message_sent",
                f"Sent through @{work.customer.setup.messaging.bot_username}",
                {"setup.handoff.onboardingMessageSent": True},
            )
        return waiting


def onboarding_text(work: Work) -> str:
    """The first message that the customer reads from their Moltbot."""
    return work.text("onboarding.txt", {"first_name": spoken_name(work.customer.name)})
