"""A connection to one server: its host key known before the first packet, and a deadline on every wait.

What paramiko leaves open is closed here (facts about it are in the comments): it never sets TCP_NODELAY,
which costs 40 ms a command; its keepalive does not notice a dead peer; the wait for an exit status has no
end; unread standard error blocks standard output; a cut link looks like an end of file.
"""

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from provisioner.errors import HostKeyError, ProvisionerError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.ssh.bounds import bounded_transport
from provisioner.ssh.json_answers import MOST_BYTES
from provisioner.ssh.keys import login_key
from provisioner.ssh.login import NothingRan, Tries, marked, new_mark
from provisioner.ssh.stream import Stream, link, reason

if TYPE_CHECKING:
    from paramiko import PKey, Transport

# It logs tracebacks of ordinary refusals, which would come out on the terminal, and at DEBUG every packet.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

_TCP_SECONDS = 10
_HANDSHAKE_SECONDS = 15
_CHANNEL_SECONDS = 30
_PAUSE_SECONDS = 0.25
_MARGIN_SECONDS = 10
_LONGEST_COMPLAINT = 400


@dataclass(frozen=True)
class Host:
    """Where a server is, how it proves itself, and how we do.

    `host_keys` are the public lines ("ssh-ed25519 AAAA…") that it may show: one, or two while it gets a new
    one. `key` is the operator's private key in OpenSSH form. `owner` is the customer's address, for messages.
    """

    address: str
    host_keys: tuple[str, ...]
    key: str = field(repr=False)
    port: int = 22
    user: str = "root"
    owner: str = ""

    def __str__(self) -> str:
        where = self.address if self.port == 22 else f"{self.address}:{self.port}"
        return f"{self.owner} ({where})" if self.owner else where


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    exit: int
    out: str
    err: str

    def complaint(self, redact: Callable[[str], str] = str) -> str:
        """The end of what the command said on standard error, or else on standard output."""
        return redact(self.err.strip() or self.out.strip())[-_LONGEST_COMPLAINT:]


class LoginRefused(RemoteError):
    """The server has proven itself, and does not take the key."""


class _NotYet(Exception):
    """This try failed in a way that a server that is still booting can explain."""


class _WrongKey(_NotYet):
    pass


def connect(
    host: Host,
    *,
    deadline: float = 60,
    grace: float = 0,
    waiting: Callable[[str], None] | None = None,
    still_there: Callable[[], None] | None = None,
) -> "Connection":
    """A connection within `deadline` seconds; a server that does not answer yet is tried again and again.

    For `grace` seconds a wrong host key and a refused login are waited out too, never accepted: a booting
    server may show another key, and open its port before it knows ours. `waiting` is told why, at most once
    for each reason. `still_there` is asked when a try has failed in a new way, and before giving up: it
    raises a ProvisionerError if the droplet is gone or has another address, which then is the answer; that
    it could not find out is for it to keep. HostKeyError, RemoteError.
    """
    failpoint("before connect")
    transport = _connected(host, deadline, grace, waiting, still_there)
    failpoint("after connect")
    return Connection(host, transport, deadline, waiting, still_there)


def _connected(
    host: Host,
    deadline: float,
    grace: float,
    waiting: Callable[[str], None] | None,
    still_there: Callable[[], None] | None,
) -> "Transport":
    if not host.host_keys:
        raise HostKeyError("connect", whom=str(host), cause="the record holds no host key of it")
    _prepare_paramiko()
    key = login_key(host.key)
    started = time.monotonic()
    told = ""
    asked: set[type[_NotYet]] = set()
    while True:
        left = deadline - (time.monotonic() - started)
        try:
            return _open(host, key, max(left, 1))
        except _NotYet as problem:
            passed = time.monotonic() - started
            patient = grace if isinstance(problem, _WrongKey | _Refused) else deadline
            over = passed + _PAUSE_SECONDS >= min(patient, deadline)
            if still_there and (over or type(problem) not in asked):
                asked.add(type(problem))
                still_there()
            if over:
                raise _explained(host, problem) from None
            if waiting and str(problem) != told:
                told = str(problem)
                waiting(told)
        time.sleep(_PAUSE_SECONDS)


class _Refused(_NotYet):
    pass


def _explained(host: Host, problem: _NotYet) -> ProvisionerError:
    if isinstance(problem, _WrongKey):
        return HostKeyError(
            "connect",
            whom=str(host),
            cause=problem,
            hint="somebody else may be answering at this address; nothing was sent to it. "
            "Look at the droplet's console before anything else",
        )
    if isinstance(problem, _Refused):
        hint = "[ssh] key in provisioner.toml must be the key that the droplet was made with"
        return LoginRefused("log in", whom=str(host), cause=problem, hint=hint)
    hint = "see in the cloud's panel whether the droplet runs, then run the same command again"
    return RemoteError("connect", whom=str(host), cause=problem, hint=hint, retry=True)


def _open(host: Host, key: "PKey", limit: float) -> "Transport":
    from paramiko import SSHException

    try:
        sock = _socket(host, min(limit, _TCP_SECONDS))
    except OSError as problem:
        raise _NotYet(f"no answer ({problem.strerror or problem})") from None
    transport: Transport | None = None
    try:
        transport = bounded_transport(sock)
        _log_in(transport, host, key, min(limit, _HANDSHAKE_SECONDS))
    except (OSError, EOFError, SSHException) as problem:
        _end(transport, sock)
        raise _NotYet(reason(problem)) from None
    except BaseException:
        _end(transport, sock)
        raise
    return transport


def _end(transport: "Transport | None", sock: socket.socket) -> None:
    if transport is not None:
        transport.close()
    sock.close()


def _socket(host: Host, limit: float) -> socket.socket:
    sock = socket.create_connection((host.address, host.port), timeout=limit)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 15),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 30_000),
    ):
        option = getattr(socket, name, None)  # not every system has them all
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    return sock


def _log_in(transport: "Transport", host: Host, key: "PKey", limit: float) -> None:
    """The key exchange, the look at the server's key, and only then the login."""
    from paramiko.ssh_exception import IncompatiblePeer

    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = limit
    transport.channel_timeout = _CHANNEL_SECONDS
    transport.get_security_options().key_types = ["ssh-ed25519"]
    try:
        transport.start_client(timeout=limit)
    except IncompatiblePeer as problem:
        raise _WrongKey(f"it offers no ssh-ed25519 host key ({reason(problem)})") from None
    shown = transport.get_remote_server_key().get_base64()
    if shown not in {line.split()[1] for line in host.host_keys}:
        raise _WrongKey("it showed another host key than the recorded one")
    _prove_ourselves(transport, host.user, key)


def _prove_ourselves(transport: "Transport", user: str, key: "PKey") -> None:
    from paramiko import AuthenticationException

    try:
        more = transport.auth_publickey(user, key)
    except AuthenticationException as problem:
        # The same error for a refusal, for silence, and for a link that ended meanwhile.
        if "timeout" in str(problem).lower() or not transport.is_active():
            raise _NotYet(f"no answer to the login ({reason(problem)})") from None
        raise _Refused(f"it refused the operator's key ({reason(problem)})") from None
    if more:
        raise _Refused(f"it wants more than the operator's key ({reason(', '.join(more))})")


def _prepare_paramiko() -> None:
    """Import it without `invoke`.

    It takes `invoke` only for commands in ssh_config files, does well without, and starts in half the time
    (50 ms less).
    """
    if "paramiko" in sys.modules:
        return
    absent = "invoke" not in sys.modules
    if absent:
        sys.modules["invoke"] = None  # type: ignore[assignment]
    try:
        import paramiko  # noqa: F401
    finally:
        if absent:
            del sys.modules["invoke"]


class Connection:
    """An open connection, for one thread; use as a context manager, or `close` it."""

    def __init__(
        self,
        host: Host,
        transport: "Transport",
        patience: float = 60,
        waiting: Callable[[str], None] | None = None,
        still_there: Callable[[], None] | None = None,
    ) -> None:
        self.host = host
        self._transport = transport
        self._patience = patience
        self._waiting = waiting
        self._still_there = still_there

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; what runs on the server goes on."""
        self._transport.close()

    @property
    def alive(self) -> bool:
        """Whether the link has not been seen to break; a frozen peer is not seen."""
        return self._transport.is_active()

    @property
    def host_key(self) -> str:
        """The line, out of those of `host`, that the server has proven to hold."""
        shown = self._transport.get_remote_server_key().get_base64()
        return next(line for line in self.host.host_keys if line.split()[1] == shown)

    def reopen(self, *, deadline: float = 60, grace: float = 0) -> None:
        """Close the link and make a new one to the same server."""
        self.close()
        self._transport = _connected(self.host, deadline, grace, None, self._still_there)

    def run(
        self,
        command: str,
        *,
        timeout: float = 30,
        input: bytes = b"",  # noqa: A002
        most: int = MOST_BYTES,
    ) -> Result:
        """One command in bash, without startup files; killed on the server after `timeout` seconds.

        The exit code is the caller's to judge. What a login file prints is no part of the answer, and a login
        that ends before the command began is tried again for as long as `connect` was to take. RemoteError if
        the command was out of time or said more than `most` bytes, ConnectionLost, NothingRan.
        """
        tries = Tries(self._patience)
        while True:
            try:
                return self._run(command, timeout, input, most)
            except NothingRan as refused:
                tries.again(refused)
                if self._waiting:
                    self._waiting(refused.cause or "")
                self.reopen(deadline=self._patience)

    def _run(self, command: str, timeout: float, data: bytes, most: int) -> Result:
        failpoint("before command")
        with self.stream(command, timeout=timeout, most=most) as stream:
            out, err = stream.exchange(data, time.monotonic() + timeout + _MARGIN_SECONDS)
            code = stream.exit_status(_MARGIN_SECONDS)
        failpoint("after command")
        if code in (124, 137):
            cause = f"it lasted over {timeout:g} s and was ended"
            raise RemoteError("run a command", whom=str(self.host), cause=cause, retry=True)
        return Result(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))

    @contextmanager
    def stream(
        self, command: str, *words: str, timeout: float | None = None, most: int = 64 << 20
    ) -> Iterator["Stream"]:
        """Start a command in bash, with these arguments, and exchange bytes with it.

        Its channel is closed at the end of the block. `most` is how many bytes it may say.
        """
        from paramiko import SSHException

        mark = new_mark()
        with link(str(self.host)):
            try:
                channel = self._transport.open_session(timeout=_CHANNEL_SECONDS)
                channel.settimeout(_CHANNEL_SECONDS)
                channel.event = _Answer()
                channel.exec_command(marked(command, words, mark, timeout=timeout))
            except SSHException as problem:
                raise EOFError(reason(problem)) from None
        try:
            yield Stream(channel, str(self.host), mark, most)
        finally:
            # There is nothing to be closed over a link that was lost a moment ago.
            with suppress(EOFError, OSError):
                channel.close()


class _Answer(threading.Event):
    """What paramiko waits on for the answer to a request: for ever, if it were its own."""

    def wait(self, timeout: float | None = None) -> bool:
        if not super().wait(_CHANNEL_SECONDS if timeout is None else timeout):
            raise TimeoutError("no answer to a request")
        return True


def host_key_lines(lines: Sequence[str | None]) -> tuple[str, ...]:
    """The lines that are there, each once."""
    return tuple(dict.fromkeys(line.strip() for line in lines if line and line.strip()))
