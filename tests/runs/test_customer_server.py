"""A customer's server as the steps see it, against a real sshd on loopback."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.errors import InputError, ProvisionerError, RemoteError, SettingsError
from provisioner.runs.customer_server import CustomerServer, host_of
from provisioner.secrets import Redactor
from provisioner.settings import Settings
from tests.fixtures import sshd
from tests.fixtures.sshd import Sshd

ADA = "ada@example.com"
SECRET = "hunter2-correct-horse"


@dataclass
class Setting:
    """Ada's server, and what was said about it."""

    server: CustomerServer
    said: list[str]


def set_up(
    running: Sshd, folder: Path, *, port: int | None = None, gone: bool = False, seconds: float = 1
) -> Setting:
    key = folder / "key"
    key.write_text(running.operator.private)
    settings = Settings.model_validate(
        {"ssh": {"key": key, "port": port or running.port}, "droplet": {"ssh_seconds": seconds}}
    )
    record = new_record(SignUp(ADA, "sub_1", name="Ada"))
    record.set("setup.droplet.ip", "127.0.0.1")
    record.set("setup.droplet.hostKey", running.host_key.public)
    said: list[str] = []

    def look() -> None:
        if gone:
            raise ProvisionerError("find the droplet")

    server = CustomerServer(
        lambda: record.customer, folder, settings, Redactor([SECRET]), said.append, still_there=look
    )
    return Setting(server, said)


@pytest.fixture
def ada(server: Sshd, tmp_path: Path) -> Iterator[Setting]:
    setting = set_up(server, tmp_path)
    yield setting
    setting.server.close()


def test_a_command(ada: Setting) -> None:
    assert ada.server.run("echo out; echo err >&2") == "out\n"


def test_a_command_that_fails_names_the_customer_and_no_secret(ada: Setting) -> None:
    with pytest.raises(RemoteError) as caught:
        ada.server.run(f"echo no {SECRET} >&2; exit 3")
    assert caught.value.whom == f"{ADA} (127.0.0.1:{ada.server._host().port})"
    assert caught.value.cause == "exit code 3: no [hidden]"


def test_a_full_disk_says_what_to_delete(ada: Setting) -> None:
    with pytest.raises(RemoteError) as caught:
        ada.server.run("echo 'write error: No space left on device' >&2; exit 1")
    assert "apt-get clean" in (caught.value.hint or "")


def test_a_login_that_runs_nothing_is_told_and_given_up(tmp_path: Path) -> None:
    with sshd.running(tmp_path, first="echo Please wait while we get your droplet ready; exit 1") as running:
        # Long enough for a second try on a machine with much to do.
        ada = set_up(running, tmp_path, seconds=5)
        with pytest.raises(RemoteError, match="Please wait while we get your droplet ready"):
            ada.server.run("true")
    assert any("Please wait while" in line for line in ada.said)


def test_a_droplet_that_is_gone(server: Sshd, tmp_path: Path) -> None:
    ada = set_up(server, tmp_path, port=sshd.free_port(), gone=True)
    with pytest.raises(ProvisionerError, match="find the droplet"):
        ada.server.run("true")


def test_a_server_that_cannot_be_reached_yet() -> None:
    customer = new_record(SignUp(ADA, "sub_1", name="Ada")).customer
    with pytest.raises(InputError, match="no address"):
        host_of(customer, Settings())


def test_a_key_that_cannot_be_used(server: Sshd, tmp_path: Path) -> None:
    ada = set_up(server, tmp_path)
    (tmp_path / "key").write_text("no key")
    with pytest.raises(SettingsError, match="no private key"):
        ada.server.run("true")


def test_what_a_command_prints_is_fetched_piece_by_piece(ada: Setting) -> None:
    taken: list[bytes] = []

    ada.server.fetch("head --bytes 5000000 /dev/zero; echo aside >&2", taken.append, most=5_000_000)

    assert b"".join(taken) == bytes(5_000_000)
    assert len(taken) > 1


def test_a_command_that_fails_while_it_is_fetched_from(ada: Setting) -> None:
    taken: list[bytes] = []

    with pytest.raises(RemoteError, match="exit code 3: no more"):
        ada.server.fetch("echo some; echo no more >&2; exit 3", taken.append, most=1000)

    assert b"".join(taken) == b"some\n"


def test_what_is_sent_to_a_command(ada: Setting) -> None:
    pieces = [bytes([number]) * 1_000_000 for number in range(3)]

    printed = ada.server.send("head --bytes 3000000 | sha256sum", pieces, timeout=30)

    assert printed.split()[0] == sha256(b"".join(pieces)).hexdigest()


def test_a_command_that_ends_before_all_is_sent(ada: Setting) -> None:
    with pytest.raises(RemoteError, match="exit code 1: full"):
        ada.server.send("echo full >&2; exit 1", [bytes(1_000_000)] * 5, timeout=30)
