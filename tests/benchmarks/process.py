"""One command as a process of its own, measured from outside."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.e2e.operator import Operator

_ESTABLISHED = "01"
_SSH = ":0016"


@dataclass(frozen=True)
class Usage:
    """What a process took: seconds from start to end and of the processors, and its most memory in bytes.

    The kernel counts the memory from before the program was loaded, when it was that of the tests: it may be
    too much, never too little. `Process.peak` is exact.
    """

    seconds: float
    processor: float
    memory: int


class Process:
    """`provisioner` at work from the moment that this is made; it never outlives the block."""

    def __init__(self, operator: Operator, *words: str) -> None:
        self._said = operator.workspace / "said"
        argv = [sys.executable, "-m", "provisioner.cli.main", *words]
        self._began = time.monotonic()
        with self._said.open("wb") as said:
            streams = [(os.POSIX_SPAWN_DUP2, said.fileno(), stream) for stream in (1, 2)]
            self.pid = os.posix_spawn(sys.executable, argv, operator.environment, file_actions=streams)
        self._reaped = False

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self._began

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def processor(self) -> float:
        """Seconds of the processors so far."""
        # The second field, its name in brackets, is the only one that may have blanks in it.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> int:
        """The most memory so far, in bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024

    def ssh_sessions(self) -> int:
        """How many connections to a port 22 it has open, all of them established."""
        own = self._sockets()
        rows = [line.split() for line in Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]]
        return sum(row[2].endswith(_SSH) and row[3] == _ESTABLISHED and row[9] in own for row in rows)

    def end(self) -> Usage:
        """Wait for it; it has to end well."""
        _, status, usage = os.wait4(self.pid, 0)
        self._reaped = True
        assert os.waitstatus_to_exitcode(status) == 0, self.said
        return Usage(self.seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._reaped:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _sockets(self) -> set[str]:
        """The inodes of its sockets."""
        targets = set()
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                targets.add(str(descriptor.readlink()))
            except FileNotFoundError:  # closed meanwhile
                continue
        return {target[8:-1] for target in targets if target.startswith("socket:[")}
