"""A booted machine as the tests see it: over SSH, with the host key known before the first connection."""

import io
import itertools
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provisioner.sandbox.machines import cgroup, host
from provisioner.sandbox.machines.interface import MachineSpec
from provisioner.sandbox.machines.names import Names
from provisioner.sandbox.machines.nspawn import NspawnMachines

ANSWERS_WITHIN = 60.0
MEMORY = 2048
"""Of every machine here, in MiB."""
_ids = itertools.count(1)


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition, as long as a machine may take to answer."""
    deadline = time.monotonic() + ANSWERS_WITHIN
    while not holds():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)


def _pem(key: Ed25519PrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def _public(key: Ed25519PrivateKey) -> str:
    form = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return key.public_key().public_bytes(*form).decode()


@dataclass(frozen=True)
class Keys:
    """The operator's key, and the host key that every test droplet is given."""

    operator: str
    operator_public: str
    host: str
    host_public: str

    @classmethod
    def generate(cls) -> "Keys":
        operator, server = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        return cls(_pem(operator), _public(operator), _pem(server), _public(server))

    @property
    def user_data(self) -> str:
        host_keys = {"ed25519_private": self.host, "ed25519_public": self.host_public}
        return "#cloud-config\n" + json.dumps({"ssh_deletekeys": True, "ssh_keys": host_keys})


@dataclass(frozen=True)
class Droplet:
    spec: MachineSpec
    keys: Keys

    @classmethod
    def planned(cls, machines: NspawnMachines, keys: Keys, image: str) -> "Droplet":
        number = next(_ids)
        address = machines.reserve_address()
        spec = MachineSpec(
            number, f"droplet-{number}", address, keys.user_data, (keys.operator_public,), image, MEMORY
        )
        return cls(spec, keys)

    def connect(self) -> paramiko.SSHClient:
        """A connection, as soon as there is one; any host key but the known one is an error at once."""
        deadline = time.monotonic() + ANSWERS_WITHIN
        while True:
            try:
                return self._connect_once()
            except paramiko.BadHostKeyException:
                raise
            except (paramiko.SSHException, EOFError, OSError):
                # A system that boots, or goes down, may cut a connection at any moment, a login too.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def run(self, command: str, within: float = 60, accept: tuple[int, ...] = (0,)) -> str:
        """The output of a command that ends with one of `accept`; -1 stands for a link that broke."""
        with self.connect() as client:
            code, output, errors = _finish(client, command, within)
        assert code in accept, f"{command}: exit code {code}: {output}{errors}"
        return output.strip()

    def answers(self) -> bool:
        """Whether its SSH port takes a connection now."""
        probe = f"exec 3<>/dev/tcp/{self.spec.address}/22"
        return (
            subprocess.run(["timeout", "1", "bash", "-c", probe], capture_output=True, check=False).returncode
            == 0
        )

    def _connect_once(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        known = paramiko.hostkeys.HostKeyEntry.from_line(f"{self.spec.address} {self.keys.host_public}")
        assert known is not None
        assert known.key is not None
        client.get_host_keys().add(self.spec.address, known.key.get_name(), known.key)
        key = paramiko.Ed25519Key.from_private_key(io.StringIO(self.keys.operator))
        try:
            client.connect(
                self.spec.address,
                username="root",
                pkey=key,
                timeout=5,
                allow_agent=False,
                look_for_keys=False,
            )
        except BaseException:
            client.close()
            raise
        return client


def _finish(client: paramiko.SSHClient, command: str, within: float) -> tuple[int, str, str]:
    """Exit code and outputs of a command; -1 and nothing if the link broke."""
    try:
        _stdin, stdout, stderr = client.exec_command(command, timeout=within)
        output = stdout.read().decode()
        return stdout.channel.recv_exit_status(), output, stderr.read().decode()
    except (paramiko.SSHException, EOFError, ConnectionError) as broken:
        return -1, "", str(broken)


def traces(state: Path, sandbox_id: str) -> list[str]:
    """Everything on this host that belongs to a sandbox: groups, links, namespaces, tables, mounts, disks."""
    names = Names(sandbox_id)
    links = [words.split(":")[1].strip().split("@")[0] for words in host.run("ip", "-o", "link").splitlines()]
    namespaces = [line.split()[0] for line in host.run("ip", "netns", "list").splitlines()]
    tables = [line.split()[2] for line in host.run("nft", "list", "tables").splitlines()]
    named = [name for name in (*cgroup.names(), *links, *namespaces, *tables) if names.owns(name)]
    mounted = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(state) in line]
    return [*named, *mounted, *(str(path) for path in state.glob("machines/*"))]
