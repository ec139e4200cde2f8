"""A connection to a server that says whatever a test has it say, with a clock that only waiting moves."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from provisioner.errors import ConnectionLost, ProvisionerError
from provisioner.ssh.connection import Connection, Host

HOST = Host("192.0.2.7", ("ssh-ed25519 AAAA",), "")

Said = bytes | ProvisionerError


class Clock:
    """Time that passes only when somebody sleeps, or the server takes its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        clock = SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep)
        for module in ("ssh.login", "remote.execute"):
            monkeypatch.setattr(f"provisioner.{module}.time", clock)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class ScriptedStream:
    """Gives out what was scripted, piece by piece; then the end."""

    def __init__(self, pieces: Iterator[Said], limits: list[float]) -> None:
        self._pieces = pieces
        self._limits = limits

    def send(self, data: bytes, limit: float = 30) -> None:
        pass

    def receive(self, limit: float) -> tuple[bytes, bytes]:
        self._limits.append(limit)
        piece = next(self._pieces, b"")
        if isinstance(piece, ProvisionerError):
            raise piece
        return piece, b""


class ScriptedConnection(Connection):
    """`sessions` gives what the server says in the n-th session; the last one is said again and again."""

    def __init__(self, *sessions: Sequence[Said] | Callable[[], Iterator[Said]]) -> None:
        self.host = HOST
        self.limits: list[float] = []
        self.opened = 0
        self._sessions = sessions

    def reopen(self, *, deadline: float = 60, grace: float = 0) -> None:
        pass

    @contextmanager
    def stream(  # type: ignore[override]
        self, command: str, *words: str, timeout: float | None = None, most: int = 0
    ) -> Iterator[ScriptedStream]:
        said = self._sessions[min(self.opened, len(self._sessions) - 1)]
        self.opened += 1
        yield ScriptedStream(iter(said() if callable(said) else said), self.limits)


def cut() -> ConnectionLost:
    """A link that breaks here."""
    return ConnectionLost("keep the connection", whom=str(HOST), cause="cut")
