"""The system's own ssh, bound to our keys and to nothing of its user's."""

import subprocess
from dataclasses import replace
from pathlib import Path

from provisioner.remote.keys import generate_keypair
from provisioner.remote.openssh import openssh_command
from tests.remote.sshd import Sshd


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def test_a_command(server: Sshd) -> None:
    with openssh_command(server.host, ["echo", "through", "ssh"]) as command:
        assert run(command).stdout == "through ssh\n"


def test_a_wrong_key_is_refused_without_a_question(server: Sshd) -> None:
    host = replace(server.host, host_keys=(generate_keypair("other").public,))
    with openssh_command(host, ["true"]) as command:
        done = run(command)
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_its_files_are_private_and_go_with_the_block(server: Sshd) -> None:
    with openssh_command(server.host) as command:
        key = Path(next(word for word in command if word.startswith("IdentityFile=")).partition("=")[2])
        assert key.stat().st_mode & 0o777 == 0o600
        assert key.parent.stat().st_mode & 0o777 == 0o700
        assert server.operator.private not in " ".join(command)
    assert not key.parent.exists()


def test_a_tunnel(server: Sshd) -> None:
    with openssh_command(server.host, forwards=["18789:127.0.0.1:18789"]) as command:
        assert command[command.index("-L") + 1] == "18789:127.0.0.1:18789"
        assert run([*command, "echo", "through"]).stdout == "through\n"
