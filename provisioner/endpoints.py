"""Where secrets may be sent: over TLS, within this machine, or where the operator's own words allow it."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from provisioner.errors import SettingsError

ALLOW_PLAINTEXT = "PROVISIONER_ALLOW_PLAINTEXT"
"""Set to 1 in the process's environment, never in `.env`, which may be another's: plain http is allowed."""


def check_endpoint(name: str, address: str, environment: Mapping[str, str]) -> None:
    """SettingsError unless what is sent to the `address` of the setting `name` can be read by nobody else."""
    scheme, host = _parts(address)
    if scheme not in ("https", "http") or not host:
        raise SettingsError("read the settings", cause=f"{name} is not an address that begins with https://")
    if scheme == "https" or _is_here(host) or environment.get(ALLOW_PLAINTEXT) == "1":
        return
    raise SettingsError(
        "read the settings",
        cause=f"{name} is http://{host}/…, without TLS: whoever is on the way reads the secrets sent there",
        hint=f"use https://, or set {ALLOW_PLAINTEXT}=1 in the environment (not in .env) if the way is yours",
    )


def _parts(address: str) -> tuple[str, str | None]:
    try:
        found = urlsplit(address)
    except ValueError:
        return "", None
    return found.scheme, found.hostname


def _is_here(host: str) -> bool:
    """Whether this is the machine itself, without asking anybody for the name."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
