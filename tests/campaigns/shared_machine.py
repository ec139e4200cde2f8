"""One droplet's worth of real machine, lent to one customer after another.

A machine with systemd and sshd takes seconds to boot, and a campaign needs thousands of droplets. So the
cloud here has pretend machines, except that the first droplet alive is this one real machine: at its creation
the machine is put back to how a first boot leaves it, with the host key of the user data. Whatever else is
created is only an address that nobody answers at.
"""

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from provisioner.sandbox.machines import host, nspawn
from provisioner.sandbox.machines.image import DEBIAN
from provisioner.sandbox.machines.interface import MachineSpec
from provisioner.sandbox.machines.nspawn import NspawnMachines
from provisioner.sandbox.machines.pretend import PretendMachines
from provisioner.ssh.keys import generate_keypair

_FIRST_BOOT = """\
pkill -KILL -f '^sshd: root'
systemctl stop provisioner-run 2>/dev/null
systemctl reset-failed 2>/dev/null
rm -rf /var/lib/provisioner /run/provisioner /root/effects /etc/ssh/ssh_host_* /usr/local/bin/openclaw-answers
umask 077
mkdir -p /root/.ssh /root/effects
printf %s "$1" > /etc/ssh/ssh_host_ed25519_key
printf '%s\\n' "$2" > /etc/ssh/ssh_host_ed25519_key.pub
printf '%s\\n' "$3" > /root/.ssh/authorized_keys
systemctl reload ssh || systemctl restart ssh
"""


class SharedMachine:
    """The real one; every method is as quick as a process."""

    def __init__(self, machines: NspawnMachines) -> None:
        self._machines = machines
        self.address = machines.reserve_address()
        key = generate_keypair("spare")
        user_data = _user_data(key.private, key.public)
        machines.create(MachineSpec(1, "shared", self.address, user_data, (key.public,), DEBIAN, 2048))
        self._leader = self._find_leader()
        self._until_it_is_up()

    def become(self, spec: MachineSpec) -> None:
        """As after the first boot of this droplet."""
        keys = json.loads(spec.user_data.split("\n", 1)[1])["ssh_keys"]
        self.shell(
            _FIRST_BOOT, keys["ed25519_private"], keys["ed25519_public"], "\n".join(spec.authorized_keys)
        )

    def effects(self) -> dict[str, list[str]]:
        """What the playbooks have left on it: the lines of each file."""
        listed = self.shell("cd /root/effects && tail -n +1 -v -- * 2>/dev/null; :")
        found: dict[str, list[str]] = {}
        name = ""
        for line in listed.splitlines():
            if line.startswith("==> "):
                name = line[4:-4]
                found[name] = []
            elif line:
                found[name].append(line)
        return found

    def shell(self, script: str, *words: str) -> str:
        """Run it there as root, past SSH."""
        command = ["nsenter", "-t", str(self._leader), "-a", "bash", "-c", script, "shared", *words]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def _find_leader(self) -> int:
        """The process on the host that is the machine's init."""
        process = self._machines._machines[1].container._process
        assert process is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return int(children[0])

    def _until_it_is_up(self) -> None:
        self.shell("timeout 60 bash -c 'until systemctl is-active -q ssh; do sleep 0.1; done'")


class SharedMachines(PretendMachines):
    """The machines of a cloud that has one real one."""

    def __init__(self, machine: SharedMachine) -> None:
        super().__init__()
        self._machine = machine
        self._lease_lock = threading.Lock()
        self._leased_to: int | None = None

    def create(self, spec: MachineSpec) -> None:
        super().create(spec)
        with self._lease_lock:
            if self._leased_to is None and spec.address == self._machine.address:
                self._leased_to = spec.id
                self._machine.become(spec)

    def destroy(self, machine_id: int) -> None:
        with self._lease_lock:
            if self._leased_to == machine_id:
                self._leased_to = None
        super().destroy(machine_id)

    def reserve_address(self) -> str:
        with self._lock:
            if self._machine.address not in self._addresses:
                self._addresses.add(self._machine.address)
                return self._machine.address
        return super().reserve_address()


@contextlib.contextmanager
def shared_machine(state: Path, sandbox_id: str) -> Iterator[SharedMachine]:
    """A machine that is up; it is gone after the block."""
    host.require()
    machines = nspawn.start(state, sandbox_id, lambda _line: None)
    try:
        yield SharedMachine(machines)
    finally:
        machines.close()


def _user_data(private: str, public: str) -> str:
    keys = {"ed25519_private": private, "ed25519_public": public}
    return "#cloud-config\n" + json.dumps({"ssh_deletekeys": True, "ssh_keys": keys})
