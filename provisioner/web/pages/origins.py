"""Which requests come from our own pages, and to an address of ours. Pure."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_SAFE = frozenset({"GET", "HEAD"})


def is_from_here(method: str, headers: Mapping[str, str], address: str | None) -> bool:
    """Whether a request may change something; what only looks may come from everywhere.

    Browsers say where a form was: by `Sec-Fetch-Site`, older ones by `Origin`. What says neither is no
    browser, or one that is too old. `address` is the public one, where a proxy stands in front.
    """
    if method in _SAFE:
        return True
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    if origin is not None:
        return _is_ours(origin, headers.get("host", ""), address)
    return site is not None


def is_our_host(host: str, address: str | None) -> bool:
    """Whether a request was meant for us: nobody else's name leads here that we would answer to."""
    name = urlsplit(f"//{host}").hostname or ""
    return name == "localhost" or _is_loopback(name) or (address is not None and name == _name(address))


def peer_of(peer: str, forwarded_for: str | None) -> str:
    """From where a request came: what our own proxy, on this machine, has seen, and nothing before it."""
    if forwarded_for and _is_loopback(peer):
        return forwarded_for.rsplit(",", 1)[-1].strip()[:64]
    return peer


def is_this_machine(host: str) -> bool:
    """Whether what listens at this address is reached from this machine alone."""
    return host == "localhost" or _is_loopback(host)


def _is_ours(origin: str, host: str, address: str | None) -> bool:
    if address is not None and origin == address:
        return True
    return urlsplit(origin).netloc == host


def _name(address: str) -> str | None:
    return urlsplit(address).hostname


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
