"""The pinned connection, against a real sshd on loopback."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.errors import ConnectionLost, HostKeyError, ProvisionerError, RemoteError
from provisioner.ssh.connection import Host, connect, host_key_lines
from provisioner.ssh.keys import generate_keypair
from tests.fixtures import sshd
from tests.fixtures.sshd import Sshd


def test_a_command(server: Sshd) -> None:
    with connect(server.host) as connection:
        result = connection.run("echo out; echo err >&2; cat; exit 3", input=b"in")
    assert (result.exit, result.out, result.err) == (3, "out\nin", "err\n")


def test_many_commands_on_one_connection(server: Sshd) -> None:
    with connect(server.host) as connection:
        assert [connection.run(f"echo {n}").out for n in range(5)] == [f"{n}\n" for n in range(5)]


def test_five_megabytes_on_both_streams_at_once(server: Sshd) -> None:
    command = "head -c 5000000 /dev/zero >&2 & head -c 5000000 /dev/zero; wait"
    with connect(server.host) as connection:
        result = connection.run(command, most=10_000_100)
    assert (len(result.out), len(result.err)) == (5_000_000, 5_000_000)


def test_five_megabytes_in_and_out(server: Sshd) -> None:
    data = os.urandom(5_000_000)
    with connect(server.host) as connection:
        result = connection.run("sha256sum; head -c 5000000 /dev/zero", input=data, most=6_000_000)
    assert len(result.out) > 5_000_000


def test_a_command_that_does_not_read_its_input(server: Sshd) -> None:
    with connect(server.host) as connection:
        assert connection.run("exec <&-; sleep 0.1; echo done", input=b"x" * 5_000_000).out == "done\n"


def test_no_startup_file_is_read_and_values_stay_words(server: Sshd) -> None:
    with connect(server.host) as connection:
        assert connection.run("echo $- '$(id)' \"a'b\"").out.split()[1:] == ["$(id)", "a'b"]


def test_the_socket_is_tuned(server: Sshd) -> None:
    with connect(server.host) as connection:
        sock = connection._transport.sock
        assert isinstance(sock, socket.socket)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_a_wrong_host_key_is_refused_before_any_login(tmp_path: Path) -> None:
    with sshd.running(tmp_path) as server:
        other = replace(server.host, host_keys=(generate_keypair("other").public,))
        with pytest.raises(HostKeyError, match="another host key") as caught:
            connect(other)
        assert not caught.value.retry
        assert server.offered_keys() == 0
        connect(server.host).close()
        assert server.offered_keys() > 0


def test_another_kind_of_host_key_is_refused(tmp_path: Path) -> None:
    with sshd.running(tmp_path, host_key_type="ecdsa") as server:
        with pytest.raises(HostKeyError, match="no ssh-ed25519 host key"):
            connect(server.host)
        assert server.offered_keys() == 0


def test_without_a_known_key_there_is_no_connection(server: Sshd) -> None:
    with pytest.raises(HostKeyError, match="no host key"):
        connect(replace(server.host, host_keys=()))


def test_either_of_two_keys_is_accepted_and_told(server: Sshd) -> None:
    host = replace(server.host, host_keys=(generate_keypair("other").public, server.host_key.public))
    with connect(host) as connection:
        assert connection.host_key == server.host_key.public


def test_a_key_that_the_server_does_not_know(server: Sshd) -> None:
    with pytest.raises(RemoteError, match="refused the operator's key") as caught:
        connect(replace(server.host, key=generate_keypair("stranger").private))
    assert not isinstance(caught.value, HostKeyError)
    assert "[ssh] key" in (caught.value.hint or "")


def test_nobody_listens(server: Sshd) -> None:
    said: list[str] = []
    with pytest.raises(RemoteError, match="no answer") as caught:
        connect(replace(server.host, port=sshd.free_port()), deadline=1, waiting=said.append)
    assert caught.value.retry
    assert len(said) == 1


class _Gone(ProvisionerError):
    pass


def test_a_droplet_that_is_gone_is_not_waited_for(server: Sshd) -> None:
    def gone() -> None:
        raise _Gone("find the droplet")

    with pytest.raises(_Gone):
        connect(replace(server.host, port=sshd.free_port()), deadline=3600, still_there=gone)


def test_an_address_that_another_server_has_is_no_wrong_host_key(server: Sshd) -> None:
    def moved() -> None:
        raise _Gone("find the droplet")

    other = replace(server.host, host_keys=(generate_keypair("other").public,))
    with pytest.raises(_Gone):
        connect(other, grace=3600, deadline=3600, still_there=moved)


def test_a_droplet_that_is_there_is_asked_for_at_first_and_before_giving_up(server: Sshd) -> None:
    asked: list[None] = []
    with pytest.raises(RemoteError, match="no answer"):
        connect(
            replace(server.host, port=sshd.free_port()), deadline=1, still_there=lambda: asked.append(None)
        )
    assert len(asked) == 2


def test_a_droplet_that_goes_away_later_is_not_waited_for(tmp_path: Path) -> None:
    def gone() -> None:
        raise _Gone("find the droplet")

    with sshd.running(tmp_path) as server:
        connection = connect(server.host, still_there=gone)
    with pytest.raises(_Gone):
        connection.reopen(deadline=3600)


def test_a_port_that_never_speaks(server: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        host = replace(server.host, port=mute.getsockname()[1])
        with pytest.raises(RemoteError) as caught:
            connect(host, deadline=1)
        assert caught.value.retry


def test_a_booting_server_is_waited_for(tmp_path: Path) -> None:
    port = sshd.free_port()
    waiting = threading.Event()
    key = generate_keypair("nobody")
    result: list[BaseException] = []

    def tries() -> None:
        try:
            connect(
                Host("127.0.0.1", (key.public,), key.private, port),
                deadline=60,
                waiting=lambda _: waiting.set(),
            )
        except HostKeyError as problem:
            result.append(problem)

    thread = threading.Thread(target=tries)
    thread.start()
    assert waiting.wait(20)
    with sshd.running(tmp_path, port=port):
        thread.join(30)
    assert len(result) == 1


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_frozen_server_is_noticed(server: Sshd) -> None:
    with connect(server.host) as connection:
        silent = pytest.raises(ConnectionLost, match="no sign of life")
        with connection.stream("sleep 30") as stream, frozen(server.connections()), silent:
            stream.receive(1)
        assert connection.run("echo back").out == "back\n"


def test_a_frozen_server_does_not_take_a_new_connection(server: Sshd) -> None:
    with frozen([server.process.pid]), pytest.raises(RemoteError) as caught:
        connect(server.host, deadline=2)
    assert caught.value.retry


def test_a_server_that_dies_is_noticed_and_found_again(tmp_path: Path) -> None:
    with sshd.running(tmp_path) as server, connect(server.host) as connection:
        with connection.stream("sleep 30") as stream:
            for pid in server.connections():
                os.kill(pid, signal.SIGKILL)
            with pytest.raises(ConnectionLost):
                stream.receive(30)
        assert not connection.alive
        with pytest.raises(ConnectionLost):
            connection.run("true")
        connection.reopen()
        assert connection.run("echo back").out == "back\n"


def test_a_command_that_never_ends_is_ended(server: Sshd) -> None:
    with connect(server.host) as connection:
        with pytest.raises(RemoteError, match="it lasted over"):
            connection.run("echo $$ > /dev/stderr; sleep 987", timeout=0.5)
        assert "987" not in connection.run("ps -eo args | grep '[s]leep 987' || :").out


def test_nothing_is_logged_and_no_key_is_shown(server: Sshd, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(RemoteError) as caught:
        connect(replace(server.host, key=generate_keypair("stranger").private))
    assert caplog.records == []
    body = server.operator.private.splitlines()[1]
    assert body not in repr(server.host)
    assert body not in str(caught.value)


@pytest.mark.parametrize("first", ["", "import paramiko"])
def test_a_server_that_hangs_up_leaves_no_traceback_on_the_terminal(first: str) -> None:
    """Whoever has loaded the library: without a handler, logging prints its errors itself."""
    program = f"""
{first}
import socket, threading
from provisioner.errors import RemoteError
from provisioner.ssh.keys import generate_keypair
from provisioner.ssh.connection import Host, connect

listener = socket.create_server(("127.0.0.1", 0))

def hang_up():
    while True:
        listener.accept()[0].close()

threading.Thread(target=hang_up, daemon=True).start()
port = listener.getsockname()[1]
try:
    key = generate_keypair("nobody").private
    connect(Host("127.0.0.1", ("ssh-ed25519 AAAA",), key, port=port), deadline=1)
except RemoteError as error:
    print(error.retry)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_lines_of_a_record_to_host_keys() -> None:
    assert host_key_lines(["ssh-ed25519 A", None, "", " ssh-ed25519 B ", "ssh-ed25519 A"]) == (
        "ssh-ed25519 A",
        "ssh-ed25519 B",
    )
