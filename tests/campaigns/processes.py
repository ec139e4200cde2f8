"""`provisioner` as one process after another, or several at once, each of which may meet with a fault."""

import json
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Start:
    """A process to be: the words after `provisioner`, and what happens to it."""

    words: Sequence[str]
    fault: ProcessFault = field(default_factory=NoFault)


class Processes:
    """Starts them in one workspace."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
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

    def run(self, *words: str) -> Life:
        """One process, left alone, to its end."""
        [life] = self.run_together([Start(words)])
        return life

    def run_together(self, starts: Sequence[Start]) -> list[Life]:
        """All of them at the same moment, each to its end."""
        requests = [self._request(number, start) for number, start in enumerate(starts)]
        assert self._forkserver.stdin is not None
        self._forkserver.stdin.write(json.dumps(requests) + "\n")
        codes = json.loads(self._answer(_TIMEOUT_SECONDS + 60))
        return [self._life(number, code) for number, code in enumerate(codes)]

    def _request(self, number: int, start: Start) -> dict[str, Any]:
        self._trace(number).write_text("")
        return {
            "words": start.words,
            "environment": self._environment,
            "trace": str(self._trace(number)),
            "output": str(self._output(number)),
            "timeout": _TIMEOUT_SECONDS,
            **start.fault.asked(),
        }

    def _life(self, number: int, code: int | None) -> Life:
        lines = self._trace(number).read_text().splitlines()
        passed = tuple(line for line in lines if line != STRUCK)
        output = self._output(number)
        said = output.read_text(errors="replace") if output.exists() else ""
        return Life(code, passed, lines.count(STRUCK) + (code == -9), said)

    def _trace(self, number: int) -> Path:
        return self._folder / f"trace-{number}"

    def _output(self, number: int) -> Path:
        return self._folder / f"output-{number}"

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
