"""Another credential in the place of the one with which the assistant is let in on its platform."""

from provisioner.customers.parts.setup import Rotation
from provisioner.customers.record import Customer
from provisioner.customers.rotating import BOT_TOKEN, is_rotating
from provisioner.messaging.registry import channel_of
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Work


class RotateBotToken(Step):
    """Replaces the token of the customer's bot."""

    name = BOT_TOKEN

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return channel_of(customer).credential_needs(settings, customer)

    def done(self, customer: Customer) -> bool:
        return not is_rotating(customer, BOT_TOKEN)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("replace the bot's token", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        old = _rotation_of(work).old_token
        assert old, "it is written with the request"
        return channel_of(work.customer).replace_credential(work, old, {"setup.rotation": None}) or Done()

    def arrived(self, work: Work) -> bool:
        customer = work.refresh()
        return channel_of(customer).credential(customer) != _rotation_of(work).old_token


def _rotation_of(work: Work) -> Rotation:
    rotation = work.customer.setup.rotation
    assert rotation is not None, "a step that is not done has one"
    return rotation
