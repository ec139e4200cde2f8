"""A real OpenSSH server on loopback, with what it logs at its most talkative."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioner.remote.keys import KeyPair, generate_keypair
from provisioner.remote.ssh import Host

_SEPARATION = Path("/run/sshd")


def program() -> str:
    """The path of sshd; an error that says what to install if there is none."""
    found = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert found, "these tests need sshd: apt-get install openssh-server"
    return found


@dataclass(frozen=True)
class Sshd:
    """A running server. `lost` in `fault` means that the kernel was told to lose its packets."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]
    host_key: KeyPair
    operator: KeyPair

    @property
    def host(self) -> Host:
        return Host("127.0.0.1", (self.host_key.public,), self.operator.private, self.port, getpass.getuser())

    def offered_keys(self) -> int:
        """How many times somebody tried to log in."""
        return self.log.read_text("utf-8", "replace").count("userauth-request for user")

    def connections(self) -> list[int]:
        """The processes that serve open connections."""
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(word) for word in found.stdout.split()]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    port: int | None = None,
    host_key_type: str = "ed25519",
    operator: KeyPair | None = None,
    first: str = "",
) -> Iterator[Sshd]:
    """An sshd with a fresh host key and one authorized key; ends with everything that it started.

    `first` is a shell text that runs before every command, as a login file would.
    """
    port = port or free_port()
    host_key, operator = generate_keypair("host"), operator or generate_keypair("operator")
    config = _configuration(folder, port, host_key, operator, host_key_type)
    if first:
        login = folder / "login.sh"
        login.write_text(f'{first}\neval "$SSH_ORIGINAL_COMMAND"\n')
        with config.open("a") as lines:
            lines.write(f"ForceCommand bash --norc {login}\n")
    if os.geteuid() == 0:
        # It stays: every sshd of this machine needs it, those of other tests at the same time too.
        _SEPARATION.mkdir(mode=0o755, exist_ok=True)
    log = folder / "sshd.log"
    process = subprocess.Popen(
        [program(), "-D", "-f", str(config), "-E", str(log)],
        stdin=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        _until_it_listens(port, process, log)
        yield Sshd(port, log, process, host_key, operator)
    finally:
        server = Sshd(port, log, process, host_key, operator)
        for pid in [*server.connections(), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _configuration(folder: Path, port: int, host_key: KeyPair, operator: KeyPair, host_key_type: str) -> Path:
    key = folder / "host_key"
    if host_key_type == "ed25519":
        key.write_text(host_key.private)
        key.chmod(0o600)
    else:
        subprocess.run(["ssh-keygen", "-q", "-t", host_key_type, "-N", "", "-f", str(key)], check=True)
    (folder / "authorized_keys").write_text(operator.public + "\n")
    config = folder / "sshd_config"
    config.write_text(f"""\
Port {port}
ListenAddress 127.0.0.1
HostKey {key}
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
LogLevel DEBUG3
MaxStartups 100
""")
    return config


def _until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        said = log.read_text("utf-8", "replace") if log.exists() else ""
        assert process.poll() is None, f"sshd ended: {said[-2000:]}"
        assert time.monotonic() < deadline, f"sshd does not listen: {said[-2000:]}"
        time.sleep(0.02)
