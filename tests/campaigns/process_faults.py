"""What may happen to a process on its own machine: it dies, stands still, or disk, names or clock fail."""

import errno
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NoFault:
    """It is left alone."""

    name = "left alone"

    def asked(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Killed:
    """SIGKILL at the failpoint of this number."""

    at: int
    name = "killed"

    def asked(self) -> dict[str, Any]:
        return {"kill_at": self.at}


@dataclass(frozen=True)
class KilledAfter:
    """SIGKILL after so long, failpoint or not."""

    seconds: float
    name = "killed"

    def asked(self) -> dict[str, Any]:
        return {"kill_after": self.seconds}


@dataclass(frozen=True)
class Paused:
    """It stands still for so long at the failpoint of this number, with whatever it holds."""

    at: int
    seconds: float = 0.3
    name = "paused"

    def asked(self) -> dict[str, Any]:
        return {"pause_at": self.at, "pause_seconds": self.seconds}


@dataclass(frozen=True)
class DiskFails:
    """The thing of this number that it does to a file fails with this errno."""

    at: int
    errno: int

    @property
    def name(self) -> str:
        return f"{errno.errorcode[self.errno]} on the disk"

    def asked(self) -> dict[str, Any]:
        return {"disk_fails_at": self.at, "errno": self.errno}


@dataclass(frozen=True)
class NamesFail:
    """So many look-ups of a host's name fail, from the one of this number on, as if DNS were away."""

    first: int
    count: int
    name = "DNS is away"

    def asked(self) -> dict[str, Any]:
        return {"names_fail_from": self.first, "names_fail": self.count}


@dataclass(frozen=True)
class ClockSet:
    """The wall clock is set by so many seconds at the failpoint of this number, and right again later."""

    at: int
    seconds: int

    @property
    def name(self) -> str:
        return f"the clock is set {'ahead' if self.seconds > 0 else 'back'}"

    def asked(self) -> dict[str, Any]:
        return {"clock_at": self.at, "clock_seconds": self.seconds}


ProcessFault = NoFault | Killed | KilledAfter | Paused | DiskFails | NamesFail | ClockSet
