"""What a person says a field is, where more is known of it than that it is text.

Records are read whatever stands in these fields: a file of the owner's old script, or one that was written by
hand, is no broken one for it. What is typed now is another matter: it is a slip, and is said to be.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from provisioner.customers.addresses import checked_address
from provisioner.errors import InputError
from provisioner.settings import MODEL, REGION, SIZE, VERSION


@dataclass(frozen=True)
class _Pattern:
    """What a value looks like; `wanted` says it in words."""

    pattern: str
    wanted: str

    def __call__(self, path: str, word: str) -> str:
        if not re.fullmatch(self.pattern, word):
            raise InputError(f"set {path} to {word}", cause=self.wanted)
        return word


def checked_value(path: str, word: str) -> str:
    """The word as the field keeps it; InputError, with what is wanted, if it cannot be one of these."""
    check = _CHECKS.get(path)
    return check(path, word) if check else word


def checked_subscription(text: str) -> str:
    """Stripe's id of a subscription; InputError for what is none."""
    if not re.fullmatch(_SUBSCRIPTION.pattern, text):
        raise InputError("use the subscription", whom=text, cause=_SUBSCRIPTION.wanted)
    return text


def _ip(path: str, word: str) -> str:
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        raise InputError(f"set {path} to {word}", cause="it is an IP address, such as 64.23.123.45") from None


def _stripes(prefix: str, what: str) -> _Pattern:
    return _Pattern(
        rf"{prefix}_[A-Za-z0-9_]{{1,250}}",
        f"Stripe's ids of {what} are {prefix}_ with letters and digits behind it",
    )


_SUBSCRIPTION = _stripes("sub", "subscriptions")
_DROPLET_ID = _Pattern(
    r"[0-9]{1,20}", "DigitalOcean's ids of droplets are digits; null says that there is none"
)
_HOST_KEY = _Pattern(
    r"ssh-ed25519 AAAA[A-Za-z0-9+/]{64}( .*)?",
    "it is the line in the server's /etc/ssh/ssh_host_ed25519_key.pub: ssh-ed25519 AAAA…",
)

_CHECKS: Mapping[str, Callable[[str, str], str]] = {
    "email": lambda _, word: checked_address(word),
    "subscription.stripeSubscriptionId": lambda _, word: checked_subscription(word),
    "subscription.stripePriceId": _Pattern(
        r"(price|plan)_[A-Za-z0-9_]{1,250}",
        "Stripe's ids of prices are price_ with letters and digits behind it",
    ),
    "subscription.stripeCustomerId": _stripes("cus", "customers"),
    "subscription.currency": _Pattern(r"[a-z]{3}", "currencies are three small letters, such as usd"),
    "setup.droplet.ip": _ip,
    "setup.droplet.hostKey": _HOST_KEY,
    "setup.droplet.nextHostKey": _HOST_KEY,
    "setup.droplet.id": _DROPLET_ID,
    "setup.droplet.region": _Pattern(REGION, "DigitalOcean's regions are such as sfo3"),
    "setup.droplet.size": _Pattern(SIZE, "DigitalOcean's sizes are such as s-1vcpu-2gb"),
    "setup.moltbot.model": _Pattern(MODEL, "models are such as anthropic/claude-sonnet-5"),
    "setup.moltbot.pinnedVersion": _Pattern(VERSION, "versions are such as 2026.9.6"),
    "setup.moltbot.dropletId": _DROPLET_ID,
    "setup.moltbot.audit.madeOn": _DROPLET_ID,
    "setup.messaging.dropletId": _DROPLET_ID,
    "setup.handoff.dropletId": _DROPLET_ID,
    "setup.handoff.answeredOn": _DROPLET_ID,
}
