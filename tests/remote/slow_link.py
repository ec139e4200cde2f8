"""A slow way to a server: everything takes its time, and it can stop without a word."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

_CHUNK = 4096


@dataclass
class SlowLink:
    """Forwards connections from `port` to `target`; each chunk waits `delay` seconds.

    `deaf` stands for the connections that were open when `go_deaf` was called: they stay open and carry
    nothing any more.
    """

    target: tuple[str, int]
    delay: float
    port: int = 0
    deaf: set[int] = field(default_factory=set)
    _sockets: list[socket.socket] = field(default_factory=list)

    def go_deaf(self) -> None:
        self.deaf.update(map(id, self._sockets))

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
                there = socket.create_connection(self.target, timeout=20)
            except OSError:
                return
            self._sockets += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                time.sleep(self.delay)
                if id(source) not in self.deaf:
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


@contextlib.contextmanager
def slow_link(address: str, port: int, delay: float) -> Iterator[SlowLink]:
    """A slow link to a server, on a port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = SlowLink((address, port), delay, listener.getsockname()[1])
        threading.Thread(target=link.serve, args=(listener,), daemon=True).start()
        try:
            yield link
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            link.close()
