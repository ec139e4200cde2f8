"""What the cloud firewall before the servers has to be: SSH in, everything out; pure decisions.

Who may come to SSH is the operator's: a rule that they have narrowed to their own address stays so.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

FIREWALL_NAME = "provisioner-ssh"
Rule = Mapping[str, Any]

_ANYWHERE = {"addresses": ["0.0.0.0/0", "::/0"]}
_EVERYTHING: tuple[Rule, ...] = (
    {"protocol": "tcp", "ports": "0", "destinations": _ANYWHERE},
    {"protocol": "udp", "ports": "0", "destinations": _ANYWHERE},
    {"protocol": "icmp", "destinations": _ANYWHERE},
)
"""Without a rule for what goes out, nothing would."""


def only_ssh(tag: str, port: int) -> dict[str, Any]:
    """The body that makes ours: SSH from anywhere, out to anywhere."""
    return {
        "name": FIREWALL_NAME,
        "tags": [tag],
        "inbound_rules": [_ssh(port)],
        "outbound_rules": list(_EVERYTHING),
    }


def ours(firewalls: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Of all firewalls of the account."""
    return next((one for one in firewalls if one["name"] == FIREWALL_NAME), None)


def covers(firewall: Mapping[str, Any] | None, tag: str) -> bool:
    """Whether it stands before every droplet with this tag."""
    return firewall is not None and tag in (firewall.get("tags") or ())


def mended(firewall: Mapping[str, Any], port: int) -> dict[str, Any] | None:
    """The body that puts our firewall's rules right; None if they are."""
    inbound, outbound = _rules(firewall, "inbound"), _rules(firewall, "outbound")
    kept = [rule for rule in inbound if _is_ssh(rule, port)]
    if len(kept) == len(inbound) > 0 and outbound:
        return None
    return {
        "name": firewall["name"],
        "inbound_rules": kept or [_ssh(port)],
        "outbound_rules": outbound or list(_EVERYTHING),
        "tags": list(firewall.get("tags") or ()),
        "droplet_ids": list(firewall.get("droplet_ids") or ()),
    }


def problems(
    firewalls: Sequence[Mapping[str, Any]], tag: str, port: int, droplets: Collection[str] = ()
) -> Iterator[str]:
    """What is wrong with what stands before the droplets with this tag, or with one of these ids.

    Firewalls add up: another one that covers the same droplets opens what ours keeps closed.
    """
    own = ours(firewalls)
    if not covers(own, tag):
        yield f"no firewall of ours covers the droplets tagged {tag}"
    if own is not None:
        yield from _in_rules(own, port)
    for other in firewalls:
        over_some = any(str(one) in droplets for one in other.get("droplet_ids") or ())
        if other is not own and (over_some or covers(other, tag)):
            opened = [_shown(rule) for rule in _rules(other, "inbound") if not _is_ssh(rule, port)]
            if opened:
                yield f"the firewall {other['name']}, which is not ours, lets in {', '.join(opened)} as well"


def _in_rules(firewall: Mapping[str, Any], port: int) -> Iterator[str]:
    inbound = _rules(firewall, "inbound")
    opened = [_shown(rule) for rule in inbound if not _is_ssh(rule, port)]
    if opened:
        yield f"the firewall {FIREWALL_NAME} lets in more than SSH: {', '.join(opened)}"
    if len(opened) == len(inbound):
        yield f"the firewall {FIREWALL_NAME} does not let in SSH (port {port})"
    if not _rules(firewall, "outbound"):
        yield f"the firewall {FIREWALL_NAME} lets nothing out"


def _rules(firewall: Mapping[str, Any], way: str) -> list[Rule]:
    return list(firewall.get(f"{way}_rules") or ())


def _is_ssh(rule: Rule, port: int) -> bool:
    return rule.get("protocol") == "tcp" and str(rule.get("ports")) in (str(port), f"{port}-{port}")


def _ssh(port: int) -> dict[str, Any]:
    return {"protocol": "tcp", "ports": str(port), "sources": _ANYWHERE}


def _shown(rule: Rule) -> str:
    """tcp 8000-9000 from 0.0.0.0/0, ::/0"""
    ports = str(rule.get("ports") or "0")
    which = "all ports" if ports in ("0", "all") else ports
    sources = rule.get("sources") or {}
    known = [str(one) for values in sources.values() if isinstance(values, list) for one in values]
    what = str(rule.get("protocol")) if rule.get("protocol") == "icmp" else f"{rule.get('protocol')} {which}"
    return f"{what} from {', '.join(known) or 'nowhere'}"
