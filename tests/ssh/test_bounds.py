"""Bounds on what one connection may say, or not say; against sshd, and against a server that is none."""

import io
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import paramiko
import paramiko.common
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.errors import ConnectionLost, ProvisionerError, RemoteError
from provisioner.playbook import logs
from provisioner.ssh.bounds import bounded_transport
from provisioner.ssh.connection import Host, connect
from provisioner.ssh.keys import generate_keypair
from tests.fixtures.scripted import Said, ScriptedConnection
from tests.fixtures.sshd import Sshd


def test_a_command_that_says_too_much_is_an_error_about_the_server(server: Sshd) -> None:
    with connect(replace(server.host, owner="ada@example.com")) as connection:
        with pytest.raises(RemoteError, match=r"ada@example.com .*more than 1.0 MB") as caught:
            connection.run("yes", timeout=600)
        assert not isinstance(caught.value, ConnectionLost)
        with pytest.raises(RemoteError, match="more than"):
            connection.run("yes >&2", timeout=600)
        assert connection.run("echo on").out == "on\n"


def test_a_command_that_talks_and_does_not_listen(server: Sshd) -> None:
    with (
        connect(server.host) as connection,
        connection.stream("yes", most=3_000_000) as stream,
        pytest.raises(RemoteError, match=re.escape("more than 3.0 MB")),
    ):
        stream.send(b"x" * 20_000_000)


def test_a_command_that_does_neither(server: Sshd) -> None:
    with (
        connect(server.host) as connection,
        connection.stream("sleep 600") as stream,
        pytest.raises(ConnectionLost, match=re.escape("nothing was taken for 0.5 s")),
    ):
        stream.send(b"x" * 20_000_000, limit=0.5)


def test_a_command_that_ends_before_it_has_listened_is_heard(server: Sshd) -> None:
    for command in ("echo told", "echo told; exec <&-; sleep 0.2"):
        with connect(server.host) as connection, connection.stream(command) as stream:
            stream.send(b"x" * 20_000_000)
            assert stream.receive(20) == (b"told\n", b"")
            assert stream.receive(20) == (b"", b"")


def test_what_is_said_while_we_send_is_not_lost(server: Sshd) -> None:
    data = os.urandom(6_000_000)
    got = bytearray()
    with connect(server.host) as connection, connection.stream("head -c 6000000") as stream:
        stream.send(data)
        while True:
            out, err = stream.receive(30)
            if not out and not err:
                break
            got += out
    assert bytes(got) == data


def test_a_packet_of_gigabytes_is_refused() -> None:
    here, there = socket.socketpair()
    with here, there:
        packets = bounded_transport(here).packetizer
        there.sendall(b"x" * 64)
        assert packets.read_all(64) == b"x" * 64
        with pytest.raises(paramiko.SSHException, match="a packet of 4000000000 bytes"):
            packets.read_all(4_000_000_000)


class _Odd(paramiko.ServerInterface):
    """Lets everybody in, and answers a command as it was told to."""

    def __init__(self, on_command: Callable[[], bool]) -> None:
        self._on_command = on_command

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return self._on_command()


class _PartlyIn(_Odd):
    """Wants more than a key."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.common.AUTH_PARTIALLY_SUCCESSFUL

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"


@contextmanager
def odd_server(interface: paramiko.ServerInterface) -> Iterator[Host]:
    """A server that speaks the protocol and is no sshd."""
    host_key = paramiko.Ed25519Key.from_private_key(io.StringIO(generate_keypair("host").private))
    transports: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    return
                transport = paramiko.Transport(accepted)
                transport.add_server_key(host_key)
                transports.append(transport)
                transport.start_server(event=threading.Event(), server=interface)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        public = f"ssh-ed25519 {host_key.get_base64()}"
        yield Host("127.0.0.1", (public,), generate_keypair("me").private, listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        for transport in transports:
            transport.close()


def test_a_server_that_never_answers_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.ssh.connection._CHANNEL_SECONDS", 1)
    done = threading.Event()
    with (
        odd_server(_Odd(lambda: done.wait(60))) as host,
        connect(host) as connection,
        pytest.raises(ConnectionLost, match="no answer to a request"),
    ):
        connection.run("true")
    done.set()


class _Flooding(_Odd):
    """Says far more than there is room for, before it answers that the command runs."""

    def __init__(self, kind: bytes, head: int | None) -> None:
        self._kind, self._head = kind, head

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        message = paramiko.Message()
        message.add_byte(self._kind)
        message.add_int(channel.remote_chanid)
        if self._head is not None:
            message.add_int(self._head)
        message.add_string(b"x" * 32_000)
        transport = channel.get_transport()
        for _ in range(1000):
            if transport.is_active():
                transport._send_message(message)  # type: ignore[attr-defined]
        return True


@pytest.mark.parametrize(
    ("kind", "head"),
    [(paramiko.common.cMSG_CHANNEL_DATA, None), (paramiko.common.cMSG_CHANNEL_EXTENDED_DATA, 1)],
)
def test_a_server_that_says_more_than_there_is_room_for(kind: bytes, head: int | None) -> None:
    with (
        odd_server(_Flooding(kind, head)) as host,
        connect(host) as connection,
        pytest.raises(ConnectionLost, match="more than it was told that there is room for"),
    ):
        connection.run("true")


def test_a_server_that_wants_more_than_the_key() -> None:
    with odd_server(_PartlyIn(lambda: False)) as host, pytest.raises(RemoteError) as caught:
        connect(host, deadline=2)
    assert "wants more than the operator's key (publickey, password)" in caught.value.summary


class _Wordy(_PartlyIn):
    """Wants something with a name without end."""

    def get_allowed_auths(self, username: str) -> str:
        return f"publickey,{'x' * 50_000}"


def test_a_login_that_is_refused_with_very_many_words() -> None:
    told: list[str] = []
    with odd_server(_Wordy(lambda: False)) as host, pytest.raises(RemoteError) as caught:
        connect(host, deadline=2, waiting=told.append)
    assert all(len(text) < 400 for text in (*told, str(caught.value.cause)))


@pytest.mark.parametrize("line", [b"x" * 50_000, b"SSH-" + b"9" * 50_000 + b"-x"])
def test_whoever_answers_at_the_address_fills_no_log(line: bytes) -> None:
    told: list[str] = []

    def talk() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            with accepted:
                accepted.sendall(b"\n" * 99 + line + b"\n")
                accepted.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=talk, daemon=True).start()
        port = listener.getsockname()[1]
        host = Host("127.0.0.1", ("ssh-ed25519 AAAA",), generate_keypair("me").private, port)
        with pytest.raises(ProvisionerError) as caught:
            connect(host, deadline=2, waiting=told.append)
        listener.shutdown(socket.SHUT_RDWR)
    assert all(len(text) < 400 for text in (*told, str(caught.value.cause)))


def test_a_server_that_refuses_every_command() -> None:
    with (
        odd_server(_Odd(lambda: False)) as host,
        connect(host, deadline=2) as connection,
        pytest.raises(RemoteError),
    ):
        connection.run("true")


def test_silence_in_a_journal_is_noticed_after_twenty_seconds() -> None:
    connection = ScriptedConnection([b'{"event":"finished","ok":true}\n'])
    assert [line["event"] for line in logs.follow_journal(connection, "r1")] == ["finished"]
    assert connection.limits == [20]


def test_a_journal_that_cannot_be_followed() -> None:
    connection = ScriptedConnection([b'{"event":"refused","cause":"the journal is not there"}\n'])
    with pytest.raises(RemoteError, match="the journal is not there"):
        list(logs.follow_journal(connection, "r1"))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([b'{"event":"run"}\n', b'{"event":"end"}\n'])))
def test_any_journal_ends_in_lines_or_an_error_about_the_server(pieces: list[Said]) -> None:
    try:
        lines = list(logs.follow_journal(ScriptedConnection(pieces), "r1"))
    except RemoteError:
        return
    assert all(isinstance(line["event"], str) for line in lines)
