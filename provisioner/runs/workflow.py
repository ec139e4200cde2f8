"""The way of a customer, in its order. No step knows another."""

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.step import Step
from provisioner.steps.droplet.step import CreateDroplet
from provisioner.steps.handoff import Handoff
from provisioner.steps.messaging import Messaging
from provisioner.steps.moltbot import Moltbot


def steps_by(clock: Clock) -> tuple[Step, ...]:
    """All steps, whose waits pass on this clock."""
    return CreateDroplet(clock), Moltbot(), Messaging(), Handoff()


STEPS = steps_by(SYSTEM_CLOCK)
