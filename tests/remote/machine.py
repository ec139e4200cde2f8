"""One real machine: what a droplet is to the product, with a way to look at it from behind."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioner.remote.keys import KeyPair, generate_keypair
from provisioner.remote.ssh import Connection, Host, connect
from provisioner.sandbox import host, nspawn
from provisioner.sandbox.machines import MachineSpec
from provisioner.sandbox.nspawn import NspawnMachines

ANSWERS_WITHIN = 60.0


def until(holds: Callable[[], bool], seconds: float = ANSWERS_WITHIN) -> None:
    """Wait for a condition; only fails if it never comes true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)


@dataclass(frozen=True)
class Machine:
    machines: NspawnMachines
    id: int
    host: Host
    host_key: KeyPair

    def connect(self) -> Connection:
        """A new connection, as soon as the machine answers."""
        return connect(self.host, deadline=ANSWERS_WITHIN, grace=ANSWERS_WITHIN)

    def shell(self, command: str, *, timeout: float = 60) -> str:
        """The output of a command that has to succeed, over a connection of its own."""
        with self.connect() as connection:
            result = connection.run(command, timeout=timeout)
        assert result.exit == 0, f"{command}: {result}"
        return result.out.strip()

    def idle(self) -> bool:
        """Whether no run is going on."""
        return "inactive" in self.shell("systemctl is-active provisioner-run || :")


@contextlib.contextmanager
def booted(state: Path, sandbox_id: str) -> Iterator[Machine]:
    """A machine that answers; it is gone after the block."""
    host.require()
    machines = nspawn.start(state, sandbox_id, lambda _line: None)
    try:
        host_key, operator = generate_keypair("host"), generate_keypair("operator")
        keys = {"ed25519_private": host_key.private, "ed25519_public": host_key.public}
        user_data = "#cloud-config\n" + json.dumps({"ssh_deletekeys": True, "ssh_keys": keys})
        address = machines.reserve_address()
        machines.create(MachineSpec(1, "droplet-1", address, user_data, (operator.public,), "debian-12-x64"))
        machine = Machine(machines, 1, Host(address, (host_key.public,), operator.private), host_key)
        machine.connect().close()
        yield machine
    finally:
        machines.close()
