"""The operator's key: of every kind that a server takes, or refused before anything is asked for."""

import subprocess
from pathlib import Path

import pytest

from provisioner.errors import SettingsError
from provisioner.ssh.connection import Host, connect
from provisioner.ssh.keys import KeyPair, foreign_public_file, generate_keypair, operator_key
from tests.fixtures import sshd


def keygen(path: Path, *options: str) -> Path:
    words = options if "-N" in options else (*options, "-N", "")
    subprocess.run(["ssh-keygen", "-q", *words, "-f", str(path)], check=True)
    return path


@pytest.mark.parametrize(
    "options",
    [["-t", "ed25519"], ["-t", "rsa", "-b", "2048"], ["-t", "ecdsa"], ["-t", "ecdsa", "-b", "521"]],
    ids="-".join,
)
def test_a_key_of_another_kind_logs_in(tmp_path: Path, options: list[str]) -> None:
    path = keygen(tmp_path / "key", *options)
    key = operator_key(path)
    assert key.public.split() == path.with_name("key.pub").read_text().split()[:2]
    with sshd.running(tmp_path, operator=key) as server, connect(server.host) as connection:
        assert connection.run("echo in").out == "in\n"


@pytest.mark.parametrize(
    ("options", "says", "advice"),
    [
        (["-t", "rsa", "-b", "2048", "-m", "PEM"], "not in OpenSSH form", "ssh-keygen -p -f"),
        (["-t", "ecdsa", "-m", "PKCS8"], "not in OpenSSH form", "ssh-keygen -p -f"),
        (["-t", "ed25519", "-N", "secret words"], "has a passphrase", "provisioner init"),
        (["-t", "rsa", "-b", "1024"], "1024 bits", "provisioner init"),
    ],
    ids=["pem", "pkcs8", "passphrase", "short"],
)
def test_a_key_that_would_not_log_in_is_refused(
    tmp_path: Path, options: list[str], says: str, advice: str
) -> None:
    path = keygen(tmp_path / "key", *options)
    with pytest.raises(SettingsError, match=says) as caught:
        operator_key(path)
    assert advice in (caught.value.hint or "")
    assert caught.value.exit_code == 2
    with pytest.raises(SettingsError, match=says):
        connect(Host("127.0.0.1", ("ssh-ed25519 AAAA",), path.read_text(), port=sshd.free_port()))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no private key"),
        (b"\xff\xfe", "no private key"),
        (b"ssh-ed25519 AAAA me\n", "no private key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"),
    ],
    ids=["empty", "bytes", "public", "damaged"],
)
def test_a_file_that_is_no_key(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SettingsError, match=says) as refused:
        operator_key(tmp_path / "key")
    # `init` leaves what is there as it is, a .pub alone too: by itself it would make nothing.
    assert "take it and its .pub away" in str(refused.value.hint)


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    for path, says in (
        (None, "no key is set"),
        (tmp_path / "none", "No such file"),
        (tmp_path, "directory"),
        (Path("~nosuchuser/key"), "home"),
    ):
        with pytest.raises(SettingsError, match=says):
            operator_key(path)


def test_a_public_file_of_another_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    mine = generate_keypair("mine")
    assert foreign_public_file(path, mine) is None
    (tmp_path / "key.pub").write_text(f"{mine.public} and a comment\n")
    assert foreign_public_file(path, mine) is None
    (tmp_path / "key.pub").write_text(generate_keypair("other").public)
    assert "not the public half" in (foreign_public_file(path, mine) or "")
    (tmp_path / "key.pub").write_bytes(b"\xff")
    assert foreign_public_file(path, KeyPair("", mine.public))
