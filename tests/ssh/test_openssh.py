"""The system's own ssh, bound to our keys and to nothing of its user's."""

import os
import pty
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.ssh.keys import generate_keypair
from provisioner.ssh.openssh import openssh_command
from tests.fixtures.sshd import Sshd


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.fixture
def key(server: Sshd, tmp_path: Path) -> Path:
    """The operator's, in a place whose name has everything that ssh would take apart."""
    path = tmp_path / "50%d of it" / "id_ed25519"
    path.parent.mkdir()
    path.touch(0o600)
    path.write_text(server.operator.private)
    return path


def test_a_command(server: Sshd, key: Path) -> None:
    with openssh_command(server.host, key, ["echo", "through", "ssh"]) as command:
        assert run(command).stdout == "through ssh\n"


def test_a_wrong_key_is_refused_without_a_question(server: Sshd, key: Path) -> None:
    host = replace(server.host, host_keys=(generate_keypair("other").public,))
    with openssh_command(host, key, ["true"]) as command:
        done = run(command)
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_no_copy_of_the_key_is_made_and_the_rest_goes_with_the_block(server: Sshd, key: Path) -> None:
    with openssh_command(server.host, key) as command:
        word = next(word for word in command if word.startswith("UserKnownHostsFile="))
        folder = Path(word.partition("=")[2]).parent
        assert [path.name for path in folder.iterdir()] == ["known_hosts"]
        assert folder.stat().st_mode & 0o777 == 0o700
        assert server.operator.private not in " ".join(command)
    assert not folder.exists()


def test_a_tunnel(server: Sshd, key: Path) -> None:
    with openssh_command(server.host, key, forwards=["18789:127.0.0.1:18789"]) as command:
        assert command[command.index("-L") + 1] == "18789:127.0.0.1:18789"
        assert run([*command, "echo", "through"]).stdout == "through\n"


def test_a_command_with_a_terminal(server: Sshd, key: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        for terminal, said in ((True, "terminal"), (False, "none")):
            with openssh_command(
                server.host, key, ["test -t 0 && echo terminal || echo none"], terminal=terminal
            ) as command:
                done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=True)
            assert done.stdout.split() == [said]
    finally:
        os.close(ours)
        os.close(theirs)


def test_nobody_else_is_asked_for_keys_or_settings(server: Sshd, key: Path, tmp_path: Path) -> None:
    """No agent is spoken to, and no file of settings read."""
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        agent.setblocking(False)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "agent")}
        with openssh_command(server.host, key, ["true"]) as command:
            # Where an agent is spoken to, ours never answers.
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True, timeout=60)
            assert command[:3] == ["ssh", "-F", "none"]
        with pytest.raises(BlockingIOError):
            agent.accept()
