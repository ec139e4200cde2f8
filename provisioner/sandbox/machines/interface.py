"""What the sandbox's cloud asks of the thing that runs its droplets."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class MachineSpec:
    """One droplet as a machine: who it is, where it answers, and what its first boot is told."""

    id: int
    name: str
    address: str
    user_data: str
    authorized_keys: tuple[str, ...]
    image: str
    """An image slug, or the id of a snapshot that was taken here, as text."""
    memory: int
    """In MiB."""


@dataclass(frozen=True)
class MemoryUse:
    """A machine's memory since it was switched on, in bytes."""

    limit: int
    held: int
    """What the kernel cannot take back at this moment by dropping caches: anonymous and shared memory."""
    peak: int | None
    """The most at once, with caches, which fill whatever is left; None where the kernel does not count it."""
    killed: int
    """How many processes the kernel has killed because there was no more."""


class Machines(Protocol):
    """Runs machines. Calls block until the effect has happened, and may come from several threads,
    but never two at a time for one machine. Errors are `SandboxError`."""

    def reserve_address(self) -> str:
        """An IPv4 address that no machine has; it stays taken until `destroy`, or `release_address`."""

    def release_address(self, address: str) -> None: ...

    def create(self, spec: MachineSpec) -> None:
        """Make its disk and network and switch it on; returns when its init has been started."""

    def destroy(self, machine_id: int) -> None:
        """Take away the machine, its disk, its network and its address; nothing happens if there is none."""

    def power_on(self, machine_id: int) -> None: ...

    def power_off(self, machine_id: int) -> None:
        """Pull the plug."""

    def shutdown(self, machine_id: int) -> None:
        """Ask the system to halt, and pull the plug if it has not after a minute."""

    def reboot(self, machine_id: int) -> None:
        """Shut down, then switch on again, with disk and address kept."""

    def halted(self, machine_id: int) -> bool:
        """Whether its system has switched itself off; it can be switched on again."""

    def resize(self, machine_id: int, memory: int) -> None:
        """Give it so many MiB of memory, from when it is switched on the next time."""

    def rebuild(self, machine_id: int, image: str) -> None:
        """Give it a new disk from this image, as in `MachineSpec`, and switch it on; its address stays."""

    def memory(self, machine_id: int) -> MemoryUse | None:
        """What it uses; None while it is off or not there, and where nothing limits it."""

    def snapshot(self, machine_id: int, snapshot_id: str) -> int:
        """Keep a copy of the disk that `MachineSpec.image` can name later; its bytes beyond its image."""

    def forget_snapshot(self, snapshot_id: str) -> None:
        """No new machine starts from it any more."""

    def set_inbound(self, machine_id: int, rules: tuple[str, ...] | None) -> None:
        """What may come in from outside: "tcp/22", "udp/8000-9000", "icmp"; None lets everything in."""

    def close(self) -> None:
        """Stop all machines and leave nothing behind."""
