"""Which channels there are, and which of them is a customer's.

Another one is a folder beside `telegram`, and a line in `CHANNELS`.
"""

import difflib
from collections.abc import Callable

from provisioner.customers.record import Customer
from provisioner.errors import InputError
from provisioner.messaging.channel import Channel
from provisioner.messaging.emails import Emails
from provisioner.printable import command
from provisioner.settings import Settings
from provisioner.step import Work


def _telegram() -> Channel:
    from provisioner.messaging.telegram.channel import Telegram

    return Telegram()


CHANNELS: dict[str, Callable[[], Channel]] = {"telegram": _telegram}

_BY_HAND = "it can be added by hand on the server after the setup"
_NOT_YET = {
    "whatsapp": f"the customer has to scan a code that changes every few seconds; {_BY_HAND}",
    "signal": f"the customer has to link a device with a code; {_BY_HAND}",
    "discord": f"the customer has to make an application and invite it; {_BY_HAND}",
    "slack": f"the customer has to make an app and fetch two tokens; {_BY_HAND}",
    "imessage": "it needs a Mac that is always on",
}
"""What stands in the way of a channel today."""


def channel_of(customer: Customer) -> Channel:
    """The customer's channel; InputError, with what is possible today, if there is none of that name."""
    channel = known_channel(customer)
    if channel is None:
        cause, hint = _missing(customer)
        raise InputError("reach the customer", whom=customer.email, cause=cause, hint=hint)
    return channel


def emails_to(work: Work) -> Emails:
    """The e-mails to the customer, with what they say about their channel; InputError as `channel_of`."""
    return Emails(work, channel_of(work.customer).emails.variables)


def known_channel(customer: Customer) -> Channel | None:
    """The customer's channel; None if it is one that cannot be set up."""
    make = CHANNELS.get(customer.setup.messaging.platform_name)
    return make() if make is not None else None


def channel_needs(settings: Settings, customer: Customer) -> list[str]:
    """What is missing to connect the customer over their channel; the channel itself may be."""
    channel = known_channel(customer)
    if channel is not None:
        return channel.needs(settings, customer)
    cause, hint = _missing(customer)
    return [f"{cause}. What can be, if the customer agrees: {hint}"]


def _missing(customer: Customer) -> tuple[str, str]:
    """Why the customer's channel cannot be set up, and the command that chooses one that can."""
    name = customer.setup.messaging.platform_name
    why = _NOT_YET.get(name, "nothing is known about it")
    update = command("update", customer.email, "setup.messaging.platform", " or ".join(CHANNELS))
    return f"{name} cannot be set up yet: {why}", update


def stated_platform(text: str) -> str:
    """The name of a platform as a record has it. InputError for one of which nothing is known."""
    name = text.strip().lower()
    known = (*CHANNELS, *_NOT_YET)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
        raise InputError("set the platform", whom=text[:40], cause="there is none of this name", hint=hint)
    return name


def meaning_of_change(before: Customer, customer: Customer) -> str:
    """What another platform means for a customer who is connected already; empty for all others."""
    old, new = before.setup.messaging.platform_name, customer.setup.messaging.platform_name
    if old == new or not before.setup.messaging.connected:
        return ""
    back = command("update", customer.email, "setup.messaging.platform", old)
    stays = f"Their Moltbot goes on talking over {old} until it is connected over {new}"
    why = _NOT_YET.get(new)
    if why:
        return f"{stays}, which cannot be set up yet: {why}. Back to what is so: {back}"
    return f"{stays}: {command('provision', customer.email)}"
