"""How far a customer's setup is, from their record alone."""

import itertools

from provisioner.customers.record import Customer, Setup

STEPS = ("droplet", "moltbot", "messaging", "handoff")


def steps_done(customer: Customer) -> tuple[str, ...]:
    """The steps whose results stand in the record, in their order."""
    setup = customer.setup
    done = (_has_server(setup), setup.moltbot.installed, setup.messaging.connected, setup.handoff.completed)
    return tuple(itertools.compress(STEPS, done))


def waits_for(customer: Customer) -> str:
    """What has to happen next: what a person has to do, or else the next step; empty if nothing has."""
    if customer.status in ("handed_over", "cancelled"):
        return ""
    waiting = customer.setup.waiting
    if waiting is not None:
        return f"{waiting.of} {waiting.for_}" if waiting.of else waiting.for_
    done = steps_done(customer)
    return next((f"step {step}" for step in STEPS if step not in done), "")


def _has_server(setup: Setup) -> bool:
    return bool(setup.droplet.id and setup.droplet.ip)
