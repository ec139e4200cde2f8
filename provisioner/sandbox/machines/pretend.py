"""Machines that are only addresses: a simulated cloud for fast tests, without root and without droplets."""

import threading
from dataclasses import replace

from provisioner.errors import SandboxError
from provisioner.sandbox.machines.interface import MachineSpec, MemoryUse

_PREFIX = "127.77"
"""A part of loopback: whoever connects to a machine that does not exist is refused at once, and nothing
leaves the computer."""
_SNAPSHOT_BYTES = 2_000_000_000


class PretendMachines:
    """Keeps the promises of `Machines` without doing anything, and is strict about their use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._addresses: set[str] = set()
        self._snapshots: set[str] = set()
        self.specs: dict[int, MachineSpec] = {}
        self.running: dict[int, bool] = {}
        self.self_halted: set[int] = set()
        """Machines whose system has switched itself off, as a test says."""
        self.inbound: dict[int, tuple[str, ...] | None] = {}

    def reserve_address(self) -> str:
        with self._lock:
            for third in range(256):
                for fourth in range(2, 255):
                    address = f"{_PREFIX}.{third}.{fourth}"
                    if address not in self._addresses:
                        self._addresses.add(address)
                        return address
        raise SandboxError("reserve an address", cause="every address is taken", hint="delete droplets")

    def release_address(self, address: str) -> None:
        with self._lock:
            self._addresses.discard(address)

    def create(self, spec: MachineSpec) -> None:
        with self._lock:
            if spec.id in self.specs or spec.address not in self._addresses:
                raise SandboxError(
                    "create a machine", whom=spec.name, cause="its id or its address is not free"
                )
            self._demand_image(spec.name, spec.image)
            self.specs[spec.id] = spec
            self.running[spec.id] = True
            self.inbound[spec.id] = None

    def destroy(self, machine_id: int) -> None:
        with self._lock:
            spec = self.specs.pop(machine_id, None)
            self.running.pop(machine_id, None)
            self.inbound.pop(machine_id, None)
            if spec is not None:
                self._addresses.discard(spec.address)

    def power_on(self, machine_id: int) -> None:
        self._switch(machine_id, on=True)

    def power_off(self, machine_id: int) -> None:
        self._switch(machine_id, on=False)

    def shutdown(self, machine_id: int) -> None:
        self._switch(machine_id, on=False)

    def reboot(self, machine_id: int) -> None:
        self._switch(machine_id, on=True)

    def halted(self, machine_id: int) -> bool:
        return machine_id in self.self_halted

    def resize(self, machine_id: int, memory: int) -> None:
        with self._lock:
            self._demand(machine_id)
            self.specs[machine_id] = replace(self.specs[machine_id], memory=memory)

    def rebuild(self, machine_id: int, image: str) -> None:
        with self._lock:
            self._demand(machine_id)
            self._demand_image(str(machine_id), image)
            self.specs[machine_id] = replace(self.specs[machine_id], image=image)
            self.running[machine_id] = True
            self.self_halted.discard(machine_id)

    def memory(self, machine_id: int) -> MemoryUse | None:
        """Nothing: no process is behind one."""

    def snapshot(self, machine_id: int, snapshot_id: str) -> int:
        with self._lock:
            self._demand(machine_id)
            self._snapshots.add(snapshot_id)
        return _SNAPSHOT_BYTES

    def forget_snapshot(self, snapshot_id: str) -> None:
        with self._lock:
            self._snapshots.discard(snapshot_id)

    def set_inbound(self, machine_id: int, rules: tuple[str, ...] | None) -> None:
        with self._lock:
            self._demand(machine_id)
            self.inbound[machine_id] = rules

    def close(self) -> None:
        with self._lock:
            self.specs.clear()
            self.running.clear()
            self.inbound.clear()
            self._addresses.clear()
            self._snapshots.clear()

    def _switch(self, machine_id: int, *, on: bool) -> None:
        with self._lock:
            self._demand(machine_id)
            self.running[machine_id] = on
            self.self_halted.discard(machine_id)

    def _demand_image(self, whom: str, image: str) -> None:
        if image.isdecimal() and image not in self._snapshots:
            raise SandboxError("make a machine's disk", whom=whom, cause=f"no snapshot {image}")

    def _demand(self, machine_id: int) -> None:
        if machine_id not in self.specs:
            raise SandboxError("use a machine", whom=str(machine_id), cause="there is none with this id")
