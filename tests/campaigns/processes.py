"""`provisioner` as one process after another, each of which may meet with a fault."""

import json
import select
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.campaigns.forkserver import STRUCK
from tests.campaigns.process_faults import NoFault, ProcessFault

_TIMEOUT_SECONDS = 90


@dataclass(frozen=True)
class Life:
    """A process that has ended.

    `code` is its exit code, -9 if it was killed, None if it never ended; `passed` the failpoints that it
    came to; `struck` how often its fault happened to it.
    """

    code: int | None
    passed: tuple[str, ...]
    struck: int
    said: str

    @property
    def killed(self) -> bool:
        return self.code == -9


class Processes:
    """Starts them in one workspace, one at a time."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._trace = folder / "trace"
        self._output = folder / "output"
        plain = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        self._environment = {**plain, **environment}
        self._forkserver = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.forkserver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._answer(120) == "ready\n"

    def run(self, *words: str, fault: ProcessFault | None = None) -> Life:
        """One process to its end."""
        request: dict[str, Any] = {
            "words": words,
            "environment": self._environment,
            "trace": str(self._trace),
            "output": str(self._output),
            "timeout": _TIMEOUT_SECONDS,
            **(fault or NoFault()).asked(),
        }
        self._trace.write_text("")
        assert self._forkserver.stdin is not None
        self._forkserver.stdin.write(json.dumps(request) + "\n")
        ended = json.loads(self._answer(_TIMEOUT_SECONDS + 60))
        lines = self._trace.read_text().splitlines()
        passed = tuple(line for line in lines if line != STRUCK)
        said = self._output.read_text(errors="replace") if self._output.exists() else ""
        return Life(ended["code"], passed, lines.count(STRUCK) + (ended["code"] == -9), said)

    def _answer(self, timeout: float) -> str:
        assert self._forkserver.stdout is not None
        ready, _, _ = select.select([self._forkserver.stdout], [], [], timeout)
        assert ready, "the process that makes processes does not answer"
        return self._forkserver.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._forkserver.stdin is not None
        assert self._forkserver.stdout is not None
        self._forkserver.stdin.close()
        self._forkserver.wait(30)
        self._forkserver.stdout.close()
