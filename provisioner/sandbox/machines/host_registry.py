"""What the sandboxes of one host share: the address ranges that each has, and its kernel settings.

The registry lies where a restart of the host empties it; a claim counts while the sandbox's bridge exists. It
says where each sandbox with machines has its files too, so that a later one can clean up after one that died.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from provisioner.errors import SandboxError
from provisioner.filesystem.flock import take
from provisioner.sandbox.machines import host

FOLDER: Final = Path("/run/provisioner-sandbox")
_KERNEL: Final = Path("/proc/sys")
_NEEDED: Final = {
    "net/ipv4/ip_forward": 1,
    # A machine holds about a dozen, and all machines share the default of 128.
    "fs/inotify/max_user_instances": 8192,
}


@dataclass
class HostRegistry:
    """Ranges and homes by the stem of the sandbox that has each, and the kernel's settings before the first.

    A home is a sandbox's id and its state folder.
    """

    path: Path
    ranges: dict[str, str] = field(default_factory=dict)
    settings_before: dict[str, int] = field(default_factory=dict)
    homes: dict[str, list[str]] = field(default_factory=dict)

    def save(self) -> None:
        written = self.path.with_suffix(".new")
        content = {name: value for name, value in vars(self).items() if name != "path"}
        written.write_text(json.dumps(content))
        written.replace(self.path)


@contextmanager
def opened(folder: Path = FOLDER) -> Iterator[HostRegistry]:
    """The registry, for one process at a time; saved at the end, unless the block raises."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        take(lock.fileno())
        path = folder / "book.json"
        registry = HostRegistry(path, **json.loads(path.read_text())) if path.exists() else HostRegistry(path)
        yield registry
        registry.save()


def choose(pool: IPv4Network, taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first /24 of `pool` that overlaps with none of `taken`."""
    occupied = list(taken)
    for candidate in pool.subnets(new_prefix=24):
        if not any(candidate.overlaps(other) for other in occupied):
            return candidate
    raise SandboxError(
        "start the sandbox",
        cause=f"no /24 of {pool} is free on this machine",
        hint="stop another sandbox, or choose another pool of addresses",
    )


def forget_dead(registry: HostRegistry) -> None:
    """Drop the claims whose bridge is gone."""
    links = {link["ifname"] for link in json.loads(host.run("ip", "-json", "link", "show"))}
    registry.ranges = {stem: taken for stem, taken in registry.ranges.items() if stem in links}


def raise_settings(registry: HostRegistry, kernel: Path = _KERNEL) -> None:
    """Set what machines need of the kernel, after noting what was there."""
    found = {name: int((kernel / name).read_text()) for name in _NEEDED}
    raised = {name: value for name, value in found.items() if value < _NEEDED[name]}
    registry.settings_before |= raised
    registry.save()
    for name in raised:
        (kernel / name).write_text(str(_NEEDED[name]))


def restore_settings(registry: HostRegistry, kernel: Path = _KERNEL) -> None:
    """Put the settings back once no sandbox needs them, except where somebody has changed them since."""
    if registry.ranges:
        return
    for name, before in registry.settings_before.items():
        if int((kernel / name).read_text()) == _NEEDED[name]:
            (kernel / name).write_text(str(before))
    registry.settings_before = {}
