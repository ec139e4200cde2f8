"""The way of a customer, in its order. No step knows another."""

from provisioner.steps.base import Step
from provisioner.steps.droplet import CreateDroplet
from provisioner.steps.handoff import Handoff
from provisioner.steps.messaging import Messaging
from provisioner.steps.moltbot import Moltbot

STEPS: tuple[Step, ...] = (CreateDroplet(), Moltbot(), Messaging(), Handoff())
