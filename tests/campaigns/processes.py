"""`provisioner` as one process after another, each of which may be made to die."""

import json
import select
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Death:
    """How a process dies: at the boundary of this number, or after so many seconds.

    With an `errno` it does not die: the thing of this number that it does to a file fails so.
    """

    at: int | None = None
    after: float | None = None
    errno: int = 0


@dataclass(frozen=True)
class Life:
    """A process that has ended: its exit code (-9 if it was killed), the boundaries it passed, its words."""

    code: int | None
    passed: tuple[str, ...]
    said: str

    @property
    def killed(self) -> bool:
        return self.code == -9


class Processes:
    """Starts them in one workspace, one at a time."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._trace = folder / "trace"
        self._output = folder / "output"
        self._environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(folder), **environment}
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._answer(120) == "ready\n"

    def run(self, *words: str, death: Death | None = None) -> Life:
        """One process to its end."""
        death = death or Death()
        request: dict[str, Any] = {
            "words": words,
            "environment": self._environment,
            "trace": str(self._trace),
            "output": str(self._output),
            "timeout": _TIMEOUT_SECONDS,
            "kill_at": None if death.errno else death.at,
            "kill_after": death.after,
            "fail_at": death.at if death.errno else None,
            "errno": death.errno,
        }
        self._trace.write_text("")
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(json.dumps(request) + "\n")
        ended = json.loads(self._answer(_TIMEOUT_SECONDS + 60))
        passed = tuple(self._trace.read_text().splitlines())
        said = self._output.read_text(errors="replace") if self._output.exists() else ""
        return Life(ended["code"], passed, said)

    def _answer(self, timeout: float) -> str:
        assert self._zygote.stdout is not None
        ready, _, _ = select.select([self._zygote.stdout], [], [], timeout)
        assert ready, "the process that makes processes does not answer"
        return self._zygote.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.close()
        self._zygote.wait(30)
        self._zygote.stdout.close()
