"""What the cloud's firewalls let in besides SSH; pure. Those that cover a droplet add up."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from provisioner.services.cloud_models import Firewall
from provisioner.steps.droplet_identity import FLEET_TAG

_ALL = ("0", "all", "1-65535")


def problems(
    firewalls: Sequence[Firewall], droplets: AbstractSet[str], port: int
) -> Iterator[tuple[str, str, str]]:
    """Which firewall it is about, what is wrong, and what to do; `port` is that of SSH."""
    covering = [one for one in firewalls if FLEET_TAG in one.tags or droplets & set(one.droplets)]
    only = f"SSH (TCP {port}) as its only inbound rule"
    if not any(FLEET_TAG in one.tags for one in covering):
        hint = f"make one in the control panel, for the tag “{FLEET_TAG}” and with {only}"
        yield FLEET_TAG, "no firewall covers the droplets by their tag: every port is open", hint
    for firewall in covering:
        strays = [rule for rule in firewall.inbound if not _is_wanted(rule, port)]
        if strays:
            words = ", ".join(dict.fromkeys(_words(*rule) for rule in strays))
            hint = f"take these rules out in the control panel: {only}"
            yield firewall.name, f"it lets in more than SSH: {words}", hint
    if covering and not any(_opens(rule, port) for one in covering for rule in one.inbound):
        hint = f"put in SSH (TCP {port}) in the control panel"
        yield covering[0].name, "it lets nobody in over SSH, us neither", hint


def _is_wanted(rule: tuple[str, str], port: int) -> bool:
    """SSH; and ping, which opens nothing."""
    protocol, ports = rule
    return protocol == "icmp" or (protocol, ports) == ("tcp", str(port))


def _opens(rule: tuple[str, str], port: int) -> bool:
    protocol, ports = rule
    if protocol != "tcp":
        return False
    first, _, last = ports.partition("-")
    if ports in _ALL or not (first.isdecimal() and (last or first).isdecimal()):
        return ports in _ALL
    return int(first) <= port <= int(last or first)


def _words(protocol: str, ports: str) -> str:
    if ports in _ALL:
        return f"all {protocol.upper()} ports"
    return f"{protocol.upper()} {ports}"
