"""The last step: the first message through the customer's own bot, and the record says complete."""

from provisioner.customers.record import Customer
from provisioner.services.telegram import ChatClosed
from provisioner.settings import Settings
from provisioner.steps.base import Done, Outcome, Waiting, Work
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

    def run(self, work: Work) -> Outcome:
        if not work.customer.setup.handoff.onboarding_message_sent:
            closed = self._send_onboarding(work)
            if closed is not None:
                return closed
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
        messaging = work.customer.setup.messaging
        assert messaging.bot_token, "messaging is done: it has a token"
        assert messaging.user_id, "messaging is done: it knows the customer"
        work.say("sending the onboarding message")
        try:
            work.services.telegram(messaging.bot_token).send(messaging.user_id, onboarding_text(work))
        except ChatClosed:
            link = f"https://t.me/{messaging.bot_username}"
            return Waiting(messaging.username or work.customer.email, f"to press Start at {link}")
        work.record(
            "onboarding_message_sent",
            f"Sent through @{messaging.bot_username}",
            {"setup.handoff.onboardingMessageSent": True},
        )
        return None


def onboarding_text(work: Work) -> str:
    """The first message that the customer reads from their Moltbot."""
    names = (work.customer.name or "").split()
    variables = {
        "first_name": names[0] if names else "",
        "operator_name": work.settings.operator.name,
        "operator_contact": work.settings.operator.contact,
    }
    return work.text("onboarding.txt", variables)
