"""The step messaging: the customer connected to their Moltbot over the channel of their choice."""

from provisioner.customers.done import is_done
from provisioner.customers.record import Customer
from provisioner.messaging.registry import channel_needs, channel_of
from provisioner.settings import Settings
from provisioner.step import Outcome, Planned, Step, Work


class Messaging(Step):
    """Connects the customer to their Moltbot."""

    name = "messaging"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return [*settings.missing_for_customers(), *channel_needs(settings, customer)]

    def done(self, customer: Customer) -> bool:
        return is_done(customer, self.name)

    def begin(self, work: Work) -> None:
        channel_of(work.customer).begin(work)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("connect the customer to their Moltbot", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        return channel_of(work.customer).connect(work)

    def arrived(self, work: Work) -> bool:
        return channel_of(work.customer).arrived(work)
