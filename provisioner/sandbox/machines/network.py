"""One sandbox's network: a range of addresses, a bridge with the host's own, and a namespace per machine.

Machines are routed through the host, never switched: each has its own link, so whatever one machine sends to
another passes the host's packet rules like traffic from anywhere else, as it would between two cloud servers.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from threading import Lock
from typing import Final

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import firewall, host, host_registry
from provisioner.sandbox.machines.names import Names

DEFAULT_POOL: Final = IPv4Network("10.213.0.0/16")
_NAMESPACES: Final = Path("/run/netns")


class Network:
    """The open network of one sandbox; its methods may be called from several threads."""

    def __init__(self, names: Names, subnet: IPv4Network) -> None:
        self.names = names
        self.subnet = subnet
        self.gateway = str(subnet[1])
        """The host's own address in the sandbox, on which its machines reach it."""
        self._lock = Lock()
        self._taken: set[str] = set()

    @classmethod
    def open(cls, sandbox_id: str, pool: IPv4Network = DEFAULT_POOL) -> "Network":
        """Claim the first free /24 of `pool` and set up the host's side of it."""
        names = Names(sandbox_id)
        with host_registry.opened() as registry:
            host_registry.forget_dead(registry)
            ranges = [IPv4Network(taken) for taken in registry.ranges.values()]
            network = cls(names, host_registry.choose(pool, [*ranges, *_routed(pool)]))
            network._set_up()
            registry.ranges[names.stem] = str(network.subnet)
            host_registry.raise_settings(registry)
        return network

    def reserve(self) -> str:
        """An address that nobody has, which stays taken until `release`."""
        with self._lock:
            for address in map(str, list(self.subnet.hosts())[1:]):
                if address not in self._taken:
                    self._taken.add(address)
                    return address
        raise SandboxError(
            "find an address", cause=f"all of {self.subnet} are taken", hint="delete a droplet"
        )

    def release(self, address: str) -> None:
        with self._lock:
            self._taken.discard(address)

    def attach(self, address: str) -> Path:
        """Make the network namespace of the machine at `address`, linked to the host; returns where it is."""
        name = self.names.machine(address)
        host.run("ip", "netns", "add", name)
        host.run("ip", "-batch", "-", text=_host_side(name, address, self.gateway))
        host.run("ip", "-netns", name, "-batch", "-", text=_inner_side(address, self.gateway))
        firewall.apply(firewall.inbound(self.names.stem, name, None))
        return _NAMESPACES / name

    def detach(self, address: str) -> None:
        """Undo `attach`, however far it got."""
        name = self.names.machine(address)
        with suppress(SandboxError):
            firewall.apply(firewall.forget(self.names.stem, name))
        _delete_link(name)
        _delete_namespace(name)

    def set_inbound(self, address: str, rules: tuple[str, ...] | None) -> None:
        """What may come in towards the machine at `address`; answers to what it began itself always may."""
        firewall.apply(firewall.inbound(self.names.stem, self.names.machine(address), rules))

    def _set_up(self) -> None:
        bridge = self.names.stem
        host.run("ip", "-batch", "-", text=_bridge(bridge, self.gateway))
        firewall.apply(firewall.ruleset(bridge, self.subnet))
        firewall.admit(bridge)


def remove(sandbox_id: str) -> None:
    """Take away everything that a sandbox of this id has put into the host's network, whoever made it."""
    names = Names(sandbox_id)
    # Links first: a namespace that goes takes its links along, at a moment of the kernel's choosing.
    for link in filter(names.owns, _links()):
        _delete_link(link)
    for namespace in filter(names.owns, _namespaces()):
        _delete_namespace(namespace)
    firewall.remove(names.stem)
    with host_registry.opened() as registry:
        host_registry.forget_dead(registry)
        host_registry.restore_settings(registry)


def _bridge(name: str, gateway: str) -> str:
    return f"""\
link add {name} type bridge
addr add {gateway}/24 dev {name}
link set {name} up
"""


def _host_side(name: str, address: str, gateway: str) -> str:
    return f"""\
link add {name} type veth peer name eth0 netns {name}
link set {name} addrgenmode none up
route add {address}/32 dev {name} src {gateway}
"""


def _inner_side(address: str, gateway: str) -> str:
    return f"""\
link set lo up
addr add {address}/32 dev eth0
link set eth0 addrgenmode none up
route add {gateway}/32 dev eth0 scope link
route add default via {gateway} dev eth0 src {address}
"""


def _routed(pool: IPv4Network) -> Iterator[IPv4Network]:
    """The routes to parts of `pool`; wider ones, like the default route, give way to ours."""
    for route in json.loads(host.run("ip", "-json", "-4", "route", "show", "table", "all")):
        with suppress(ValueError):
            network = ip_network(route["dst"], strict=False)
            if isinstance(network, IPv4Network) and network.subnet_of(pool):
                yield network


def _namespaces() -> list[str]:
    return [path.name for path in _NAMESPACES.iterdir()] if _NAMESPACES.is_dir() else []


def _links() -> list[str]:
    return [link["ifname"] for link in json.loads(host.run("ip", "-json", "link", "show"))]


def _delete_namespace(name: str) -> None:
    if (_NAMESPACES / name).exists():
        host.run("ip", "netns", "delete", name)


def _delete_link(name: str) -> None:
    """Until it is gone, whoever takes it away: the kernel may be at it, after its namespace has gone."""
    link = Path("/sys/class/net", name)
    try:
        if link.exists():
            host.run("ip", "link", "delete", name)
    except SandboxError:
        if link.exists():
            raise
