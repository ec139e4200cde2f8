"""Webhook endpoints: where events go, which, and with what they are signed."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from provisioner.sandbox.stripe.account import Account, Json, Secret
from provisioner.sandbox.stripe.clock import DAY
from provisioner.sandbox.stripe.errors import invalid

ROLL_SECONDS: Final = DAY
"""How long an old secret goes on signing."""


def add_endpoint(
    account: Account, url: str, events: list[str], *, version: str | None = None, secret: str | None = None
) -> Json:
    """A new endpoint; StripeApiError for an address that is not on this machine's loopback."""
    require_loopback(url)
    endpoint: Json = {
        "id": account.new_id("we"),
        "object": "webhook_endpoint",
        "api_version": version,
        "application": None,
        "created": account.now,
        "description": None,
        "enabled_events": events,
        "livemode": account.livemode,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }
    account.secrets[endpoint["id"]] = [Secret(secret or account.new_id("whsec"))]
    return account.add(endpoint)


def roll_secret(account: Account, endpoint: Json) -> str:
    """A new secret; the old one goes on signing for a day."""
    old = [one for one in account.secrets[endpoint["id"]] if one.until is None]
    ending = [Secret(one.text, account.now + ROLL_SECONDS) for one in old]
    fresh = account.new_id("whsec")
    account.secrets[endpoint["id"]] = [Secret(fresh), *ending]
    return fresh


def secrets_of(account: Account, endpoint: Json) -> list[str]:
    """Those in force, the newest first."""
    return [
        one.text for one in account.secrets[endpoint["id"]] if one.until is None or account.now < one.until
    ]


def wants(endpoint: Json, kind: str) -> bool:
    return endpoint["status"] == "enabled" and bool({"*", kind} & set(endpoint["enabled_events"]))


def require_loopback(url: str) -> None:
    """Nothing is ever sent to another machine."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", param="url")
    if parts.hostname != "localhost" and not _is_loopback(parts.hostname):
        raise invalid("Invalid URL: the sandbox sends events to this machine's loopback only.", param="url")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
