"""Droplets as systemd-nspawn machines: `NspawnMachines` puts disk, network and running system together."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from threading import Lock
from typing import IO, Final

from provisioner.errors import SandboxError
from provisioner.filesystem.flock import hold
from provisioner.sandbox.faults import servers
from provisioner.sandbox.faults.rules import FaultBook
from provisioner.sandbox.machines import (
    cgroup,
    cloudinit,
    disk,
    host,
    host_registry,
    host_settings,
    image,
    network,
)
from provisioner.sandbox.machines.cache import DEFAULT_CACHE, Say
from provisioner.sandbox.machines.container import Boot, Container
from provisioner.sandbox.machines.disk import Disk, Snapshots, Trash
from provisioner.sandbox.machines.interface import MachineSpec, MemoryUse
from provisioner.sandbox.machines.names import Names
from provisioner.sandbox.machines.network import DEFAULT_POOL, Network

_PATIENCE: Final = 30.0
"""Seconds that another process may take to end, or to clean up after an earlier one."""
_HELD: Final = "another process has its machines"


@dataclass(frozen=True)
class _Machine:
    spec: MachineSpec
    disk: Disk
    container: Container


class NspawnMachines:
    """The machines of one sandbox (`machines.Machines`), all of whose files are in its state folder.

    `images` has the root folder of each bootable image by its slug. What every machine says while it boots is
    appended to `console/<machine id>.log` in the state folder.
    """

    def __init__(
        self, state: Path, images: Mapping[str, Path], net: Network, held: IO[str], faults: FaultBook
    ) -> None:
        """`held` is the file that says that somebody is behind these machines; it is closed with them."""
        self.state = state
        self._held = held
        self.names = net.names
        self._images = images
        self._net = net
        self._faults = faults
        self._snapshots = Snapshots(state / "snapshots")
        self._trash = Trash(state / "trash")
        self._lock = Lock()
        self._machines: dict[int, _Machine] = {}
        for folder in ("machines", "snapshots", "console"):
            (state / folder).mkdir(parents=True, exist_ok=True)

    @property
    def gateway(self) -> str:
        """The host's address inside the sandbox: what listens there is reached by every machine."""
        return self._net.gateway

    def console(self, machine_id: int) -> Path:
        """The log of what the machine's system printed while booting."""
        return self.state / "console" / f"{machine_id}.log"

    def running(self, machine_id: int) -> bool:
        """Whether the machine is on; one that was halted from inside is not."""
        return self._of(machine_id).container.running

    def reserve_address(self) -> str:
        return self._net.reserve()

    def release_address(self, address: str) -> None:
        self._net.release(address)

    def create(self, spec: MachineSpec) -> None:
        """As the protocol says; when it fails, the address stays with the caller."""
        if spec.id in self._machines:
            raise SandboxError("make a machine", whom=str(spec.id), cause="there is one of this id")
        machine = self._plan(spec)
        try:
            with _explained("make a machine", spec.name):
                machine.disk.mount()
                self._net.attach(spec.address)
                _personalise(machine.disk.root, spec)
                struck = self._faults.strike("server", servers.METHOD, spec.name)
                servers.roughen(machine.disk.root, struck)
                machine.container.start()
        except BaseException:
            self._remove(machine)
            raise
        with self._lock:
            self._machines[spec.id] = machine

    def destroy(self, machine_id: int) -> None:
        with self._lock:
            machine = self._machines.get(machine_id)
        if machine is None:
            return
        self._remove(machine)
        with self._lock:
            del self._machines[machine_id]
        self._net.release(machine.spec.address)

    def power_on(self, machine_id: int) -> None:
        self._of(machine_id).container.start()

    def power_off(self, machine_id: int) -> None:
        self._of(machine_id).container.kill()

    def shutdown(self, machine_id: int) -> None:
        self._of(machine_id).container.shut_down()

    def reboot(self, machine_id: int) -> None:
        container = self._of(machine_id).container
        container.shut_down()
        container.start()

    def halted(self, machine_id: int) -> bool:
        with self._lock:
            machine = self._machines.get(machine_id)
        return machine is not None and machine.container.halted

    def resize(self, machine_id: int, memory: int) -> None:
        self._of(machine_id).container.memory = memory

    def rebuild(self, machine_id: int, image: str) -> None:
        old = self._of(machine_id)
        new = self._plan(replace(old.spec, image=image, memory=old.container.memory))
        old.container.kill()
        with _explained("make a machine's disk anew", old.spec.name):
            old.disk.unmount()
            self._trash.throw(old.disk.folder)
            with self._lock:
                self._machines[machine_id] = new
            new.disk.mount()
            _personalise(new.disk.root, new.spec)
            new.container.start()

    def memory(self, machine_id: int) -> MemoryUse | None:
        with self._lock:
            machine = self._machines.get(machine_id)
        return None if machine is None else machine.container.memory_use()

    def snapshot(self, machine_id: int, snapshot_id: str) -> int:
        machine = self._of(machine_id)
        with _explained("take a snapshot", machine.spec.name):
            return self._snapshots.keep(machine.disk, snapshot_id)

    def forget_snapshot(self, snapshot_id: str) -> None:
        """The files stay until the end: machines may stand on them."""
        self._snapshots.forget(snapshot_id)

    def set_inbound(self, machine_id: int, rules: tuple[str, ...] | None) -> None:
        self._net.set_inbound(self._of(machine_id).spec.address, rules)

    def close(self) -> None:
        with self._lock:
            machines = list(self._machines.values())
            self._machines.clear()
        for machine in machines:
            self._remove(machine)
        self._trash.empty()
        _sweep(self.state, self.names.sandbox_id)
        self._held.close()

    def _of(self, machine_id: int) -> _Machine:
        with self._lock:
            machine = self._machines.get(machine_id)
        if machine is None:
            raise SandboxError("find a machine", whom=str(machine_id), cause="there is none of this id")
        return machine

    def _plan(self, spec: MachineSpec) -> _Machine:
        folder = self.state / "machines" / str(spec.id)
        name = self.names.machine(spec.address)
        planned = Disk(folder, self._layers(spec.image))
        namespace = Path("/run/netns") / name
        boot = Boot(name, planned.root, namespace, self.console(spec.id), folder / "meminfo")
        return _Machine(spec, planned, Container(boot, spec.memory))

    def _layers(self, name: str) -> tuple[Path, ...]:
        if name in self._images:
            return (self._images[name],)
        layers = self._snapshots.layers(name)
        if layers is None:
            hint = f"choose one of {', '.join(self._images)}, or a snapshot that was taken here"
            raise SandboxError(
                "start a machine", whom=name, cause="the sandbox cannot boot this image", hint=hint
            )
        return layers

    def _remove(self, machine: _Machine) -> None:
        machine.container.kill()
        self._net.detach(machine.spec.address)
        machine.disk.unmount()
        self._trash.throw(machine.disk.folder)


def start(
    state: Path,
    sandbox_id: str,
    say: Say,
    *,
    cache: Path = DEFAULT_CACHE,
    pool: IPv4Network = DEFAULT_POOL,
    faults: FaultBook | None = None,
) -> NspawnMachines:
    """Machines ready to be created, after cleaning what crashes may have left of this sandbox and of others.

    `faults` may have rules for servers; each strikes when a machine is made.
    Builds the base image when `cache` does not have it (about a minute); `say` gets a line for each stage.
    """
    host.require()
    with _explained("start the sandbox", str(state)), ExitStack() as undone:
        state.mkdir(parents=True, exist_ok=True)
        held = undone.enter_context(_hold(state, wait=_PATIENCE))
        _sweep_forsaken(say)
        _sweep(state, sandbox_id)
        root = image.ensure(image.DEBIAN, cache, say)
        disk.try_out(state, root)
        if not cgroup.limits_memory():
            say("this host cannot limit the memory of a droplet: each may use all that there is")
        with host_registry.opened() as registry:
            registry.homes[Names(sandbox_id).stem] = [sandbox_id, str(state)]
        net = Network.open(sandbox_id, pool)
        machines = NspawnMachines(state, {image.DEBIAN: root}, net, held, faults or FaultBook())
        undone.pop_all()
    return machines


def sweep(state: Path, sandbox_id: str) -> None:
    """Leave nothing of a sandbox whose process is gone but its console logs.

    Finds by name and folder what must go: processes, mounts, namespaces, links, firewall rules, disks. Can be
    repeated, and does nothing where there is nothing. SandboxError if a process is still behind it.
    """
    with _hold(state, wait=_PATIENCE) if state.is_dir() else nullcontext():
        _sweep(state, sandbox_id)


def _hold(state: Path, *, wait: float = 0) -> IO[str]:
    """Be the process behind the machines whose files are there; SandboxError if another one stays it."""
    held = hold(state / "machines.lock", wait=wait)
    if held is None:
        hint = "end that process, then run the same command again"
        raise SandboxError("take over the sandbox's machines", whom=str(state), cause=_HELD, hint=hint)
    return held


def _sweep_forsaken(say: Say) -> None:
    """Sweep every other sandbox of this host whose process is gone and has left its machines."""
    with host_registry.opened() as registry:
        homes = list(registry.homes.values())
    for sandbox_id, folder in homes:
        state = Path(folder)
        try:
            with _hold(state) if state.is_dir() else nullcontext():
                _sweep(state, sandbox_id)
                say(f"cleaned up after the sandbox in {state}, whose process had died")
        except SandboxError as error:
            # Its remains are in nobody's way: every sandbox has names and addresses of its own.
            if error.cause != _HELD:
                say(f"could not clean up after the sandbox in {state}: {error.cause}")


def _sweep(state: Path, sandbox_id: str) -> None:
    for name in filter(Names(sandbox_id).owns, cgroup.names()):
        group = cgroup.ControlGroup(name)
        group.kill()
        group.remove()
    disk.unmount_below(state)
    network.remove(sandbox_id)
    for folder in ("machines", "snapshots", "trash"):
        shutil.rmtree(state / folder, ignore_errors=True)
    with host_registry.opened() as registry:
        registry.homes.pop(Names(sandbox_id).stem, None)


@contextmanager
def _explained(doing: str, whom: str) -> Iterator[None]:
    """What the operating system refuses, in the words of this project."""
    try:
        yield
    except OSError as error:
        hint = "check the free space and the rights where the sandbox keeps its state"
        raise SandboxError(doing, whom=whom, cause=error, hint=hint) from error


def _personalise(root: Path, spec: MachineSpec) -> None:
    """What the provider of a cloud server puts on its disk before the first boot."""
    cloudinit.write_seed(spec, root)
    for relative, text in (
        ("etc/hostname", f"{spec.name}\n"),
        ("etc/resolv.conf", host_settings.resolv_conf()),
    ):
        path = root / relative
        path.unlink(missing_ok=True)
        path.write_text(text)
