"""What a customer can talk to their Moltbot over. One class for each platform that can be set up."""

import difflib
from collections.abc import Callable
from typing import Protocol

from provisioner.customers.record import Customer
from provisioner.errors import InputError
from provisioner.printable import command
from provisioner.step import Outcome, Waiting, Work


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
    from provisioner.messaging.telegram.channel import Telegram

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


def stated_platform(text: str) -> str:
    """The name of a platform as a record has it. InputError for one of which nothing is known."""
    name = text.strip().lower()
    known = (*PLATFORMS, *_NOT_YET)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
        raise InputError("set the platform", whom=text[:40], cause="there is none of this name", hint=hint)
    return name


def meaning_of_change(before: Customer, customer: Customer) -> str:
    """What another platform means for a customer who is connected already; empty for all others."""
    old, new = name_of(before), name_of(customer)
    if old == new or not before.setup.messaging.connected:
        return ""
    back = command("update", customer.email, "setup.messaging.platform", old)
    stays = f"Their Moltbot goes on talking over {old} until it is connected over {new}"
    why = _NOT_YET.get(new)
    if why:
        return f"{stays}, which cannot be set up yet: {why}. Back to what is so: {back}"
    return f"{stays}: {command('provision', customer.email)}"


def name_of(customer: Customer) -> str:
    """The name of the customer's platform: Telegram where none was chosen."""
    return (customer.setup.messaging.platform or "telegram").strip().lower()
