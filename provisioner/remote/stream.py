"""The streams of one command on a server, and what their silence means."""

import select
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from provisioner.errors import ConnectionLost

if TYPE_CHECKING:
    from paramiko import Channel

_SILENCE_SECONDS = 30
_CHUNK = 32768


@contextmanager
def link(whom: str) -> Iterator[None]:
    """Makes a ConnectionLost of whatever a broken link raises in the block."""
    try:
        yield
    except (OSError, EOFError) as problem:
        raise ConnectionLost(
            "keep the connection",
            whom=whom,
            cause=reason(problem),
            hint="run the same command again: what was started on the server goes on",
            retry=True,
        ) from None


def reason(problem: BaseException) -> str:
    """What an error of the link says, in one line; some say nothing."""
    return " ".join(str(problem).split()) or "the connection was closed"


class Stream:
    """A running command's three streams, read and written by one thread, with a deadline on each wait."""

    def __init__(self, channel: "Channel", whom: str) -> None:
        self._channel = channel
        self._whom = whom
        # Readable when either of the two streams has something, or both have ended.
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)

    def receive(self, limit: float) -> tuple[bytes, bytes]:
        """What has come on standard output and error, at most `limit` seconds later; both empty at the end.

        ConnectionLost if nothing came, or the link broke.
        """
        with self._guard():
            until = time.monotonic() + limit
            while True:
                out, err = self._ready()
                if out or err or self._ended():
                    return out, err
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no sign of life for {limit:g} s")
                self._poll.poll(min(left, 1) * 1000)

    def send(self, data: bytes, limit: float = _SILENCE_SECONDS) -> None:
        """Write to its standard input. ConnectionLost if it takes nothing for `limit` seconds."""
        with self._guard():
            self._channel.settimeout(limit)
            self._channel.sendall(data)

    def exchange(self, data: bytes, until: float) -> tuple[bytes, bytes]:
        """Write all, read all, until both streams end or the clock (monotonic) says `until`."""
        out, err = bytearray(), bytearray()
        rest: bytes | None = data
        with self._guard():
            self._channel.setblocking(0)
            while True:
                rest = self._push(rest)
                got = self._ready()
                out += got[0]
                err += got[1]
                if not any(got) and self._ended():
                    return bytes(out), bytes(err)
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError("no answer in time")
                # A window that opens again wakes nobody, so while there is more to write look often.
                self._poll.poll(10 if rest is not None else min(left, 1) * 1000)

    def _push(self, rest: bytes | None) -> bytes | None:
        """What is left to write; None when the end has been told."""
        if rest is None:
            return None
        try:
            while rest and self._channel.send_ready():
                rest = rest[self._channel.send(rest[:_CHUNK]) :]
            if rest:
                return rest
            self._channel.shutdown_write()
        except OSError:
            # A command may end without reading all; whether the link broke is seen while reading.
            if not self._channel.closed:
                raise
        return None

    def exit_status(self, limit: float) -> int:
        """The exit code. ConnectionLost if none comes within `limit` seconds, or the server sent none."""
        with self._guard():
            # paramiko's own recv_exit_status would wait for ever.
            if not self._channel.status_event.wait(limit) or self._channel.exit_status < 0:
                raise EOFError("the command's end was not reported")
        return self._channel.exit_status

    def _ready(self) -> tuple[bytes, bytes]:
        out, err = b"", b""
        if self._channel.recv_ready():
            out = self._channel.recv(_CHUNK * 8)
        if self._channel.recv_stderr_ready():
            err = self._channel.recv_stderr(_CHUNK * 8)
        return out, err

    def _ended(self) -> bool:
        channel = self._channel
        if channel.recv_ready() or channel.recv_stderr_ready():
            return False
        if channel.eof_received:
            return True
        if not channel.get_transport().is_active():
            raise EOFError("the link broke")
        return channel.closed

    def _guard(self) -> AbstractContextManager[None]:
        return link(self._whom)
