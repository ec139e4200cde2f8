"""The streams of one command on a server, and what their silence means."""

import select
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from provisioner.errors import ConnectionLost, RemoteError
from provisioner.ssh.login import Gate, nothing_ran

if TYPE_CHECKING:
    from paramiko import Channel

_SILENCE_SECONDS = 30
_CHUNK = 32768
_LONGEST_REASON = 300
_TOO_MUCH = "look at that server: somebody may have changed what it runs for us"


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


def reason(problem: object) -> str:
    """What an error of the link says, in one short line; some say nothing, some what the server has said."""
    words = " ".join(str(problem).split()) or "the connection was closed"
    return words if len(words) <= _LONGEST_REASON else f"{words[:_LONGEST_REASON]}…"


class Stream:
    """A running command's three streams, read and written by one thread, with a deadline on each wait.

    Standard output and error begin behind `mark`; `most` is how many bytes may come on both together.
    """

    def __init__(self, channel: "Channel", whom: str, mark: str, most: int) -> None:
        self._channel = channel
        self._whom = whom
        self._out, self._err = Gate(mark), Gate(mark)
        self._most = self._room = most
        self._early: list[tuple[bytes, bytes]] = []
        channel.setblocking(0)
        # Readable when either of the two streams has something, or both have ended.
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)

    def receive(self, limit: float) -> tuple[bytes, bytes]:
        """What has come on standard output and error, at most `limit` seconds later; both empty at the end.

        ConnectionLost if nothing came, or the link broke; NothingRan; RemoteError if it says too much.
        """
        with self._guard():
            until = time.monotonic() + limit
            while True:
                out, err = self._early.pop(0) if self._early else self._ready()
                if out or err or self._ended():
                    return out, err
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no sign of life for {limit:g} s")
                self._poll.poll(min(left, 1) * 1000)

    def send(self, data: bytes, limit: float = _SILENCE_SECONDS) -> None:
        """Write to its standard input, while it is read; ConnectionLost if nothing is for `limit` seconds.

        What it says meanwhile is kept for `receive`, which also tells why it ended if it did: a server that
        talks without listening is no reason to hold back, nor to let it fill the memory. NothingRan.
        """
        rest, until = data, time.monotonic() + limit
        with self._guard():
            while rest and not self._listen_early():
                left = len(rest)
                rest = self._take(rest)
                if len(rest) < left:
                    until = time.monotonic() + limit
                elif time.monotonic() >= until:
                    raise TimeoutError(f"nothing was taken for {limit:g} s")
                else:
                    self._poll.poll(10)

    def _listen_early(self) -> bool:
        """Keep what it says; whether it has ended."""
        got = self._ready()
        if any(got):
            self._early.append(got)
        return not any(got) and self._ended()

    def exchange(self, data: bytes, until: float) -> tuple[bytes, bytes]:
        """Write all, read all, until both streams end or the clock (monotonic) says `until`."""
        out, err = bytearray(), bytearray()
        rest: bytes | None = data
        with self._guard():
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
        rest = self._take(rest)
        if rest:
            return rest
        with self._reading_may_end():
            self._channel.shutdown_write()
        return None

    def _take(self, rest: bytes) -> bytes:
        """Write what there is room for now; what is left: nothing if nobody will read it."""
        with self._reading_may_end():
            while rest and self._channel.send_ready():
                rest = rest[self._channel.send(rest[:_CHUNK]) :]
            return rest
        return b""

    @contextmanager
    def _reading_may_end(self) -> Iterator[None]:
        """A command may end without reading all; whether the link broke is seen while reading."""
        try:
            yield
        except OSError:
            if not self._channel.closed:
                raise

    def exit_status(self, limit: float) -> int:
        """The exit code. ConnectionLost if none comes within `limit` seconds, or the server sent none."""
        with self._guard():
            # paramiko's own recv_exit_status would wait for ever.
            if not self._channel.status_event.wait(limit) or self._channel.exit_status < 0:
                raise EOFError("the command's end was not reported")
        return self._channel.exit_status

    def _ready(self) -> tuple[bytes, bytes]:
        """What is there by now, of the command's own; nothing if it was the login's."""
        out, err = b"", b""
        while not out and not err:
            got = self._read()
            if not any(got):
                break
            out, err = self._out.feed(got[0]), self._err.feed(got[1])
        return out, err

    def _read(self) -> tuple[bytes, bytes]:
        out, err = b"", b""
        if self._channel.recv_ready():
            out = self._channel.recv(_CHUNK * 8)
        if self._channel.recv_stderr_ready():
            err = self._channel.recv_stderr(_CHUNK * 8)
        self._room -= len(out) + len(err)
        if self._room < 0:
            cause = f"it sent more than {self._most / 1e6:.1f} MB, which is more than any answer has"
            raise RemoteError("read its answer", whom=self._whom, cause=cause, hint=_TOO_MUCH)
        return out, err

    def _ended(self) -> bool:
        """Whether both streams are at their end. NothingRan if that came before the command."""
        channel = self._channel
        if channel.recv_ready() or channel.recv_stderr_ready():
            return False
        if not channel.eof_received:
            if not channel.get_transport().is_active():
                raise channel.get_transport().get_exception() or EOFError("the link broke")
            if not channel.closed:
                return False
        if not self._out.open:
            raise nothing_ran(self._whom, f"{self._err.words}\n{self._out.words}", self._code())
        return True

    def _code(self) -> int | None:
        known = self._channel.status_event.wait(1) and self._channel.exit_status >= 0
        return self._channel.exit_status if known else None

    def _guard(self) -> AbstractContextManager[None]:
        return link(self._whom)
