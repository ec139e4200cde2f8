"""What a customer can talk to their Moltbot over. One class for each platform that can be set up."""

from collections.abc import Callable
from typing import Protocol

from provisioner.commands import command
from provisioner.customers.record import Customer
from provisioner.steps.base import Outcome, Waiting, Work


class Platform(Protocol):
    """One platform, from "paid" to the first message."""

    def begin(self, work: Work) -> None:
        """What can be done before the server is there."""

    def connect(self, work: Work) -> Outcome:
        """Connect the customer to their Moltbot."""

    def greet(self, work: Work, text: str) -> Waiting | None:
        """Send the first message, once; or what is waited for."""

    def tell(self, work: Work, text: str) -> None:
        """Send a message that is not worth stopping for: what goes wrong is only said."""


def _telegram() -> Platform:
    # What it speaks with takes 70 ms to load, and a customer who is set up needs none of it.
    from provisioner.messaging.telegram import Telegram

    return Telegram()


PLATFORMS: dict[str, Callable[[], Platform]] = {"telegram": _telegram}

_BY_HAND = "it can be added by hand on the server after the setup"
_NOT_YET = {
    "whatsapp": f"the customer has to scan a code that changes every few seconds; {_BY_HAND}",
    "signal": f"the customer has to link a device with a code; {_BY_HAND}",
    "discord": f"the customer has to make an application and invite it; {_BY_HAND}",
    "slack": f"the customer has to make an app and fetch two tokens; {_BY_HAND}",
    "imessage": "it needs a Mac that is always on",
}
"""What stands in the way of a platform today."""


def platform_of(customer: Customer) -> Platform:
    """The customer's platform, which `missing_platform` has found to be there."""
    return PLATFORMS[name_of(customer)]()


def missing_platform(customer: Customer) -> list[str]:
    """Why the customer cannot be set up on their platform, and what is possible today; empty if they can."""
    name = name_of(customer)
    if name in PLATFORMS:
        return []
    why = _NOT_YET.get(name, "nothing is known about it")
    possible = " or ".join(PLATFORMS)
    update = command("update", customer.email, "setup.messaging.platform", possible)
    return [f"{name} cannot be set up yet: {why}. What can be, if the customer agrees: {update}"]


def name_of(customer: Customer) -> str:
    """The name of the customer's platform: Telegram where none was chosen."""
    return (customer.setup.messaging.platform or "telegram").strip().lower()
