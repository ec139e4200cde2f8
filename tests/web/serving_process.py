"""`provisioner serve` as a process of its own, which may be killed and begun anew."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from provisioner.workspace import Workspace, init_workspace

SECRET = "whsec_process"
WAIT_SECONDS = 120
"""How long anything may take on a busy machine."""


class ServingProcess:
    """One workspace, and the process that serves it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.workspace: Workspace = init_workspace(folder, "operator@example.com")[0]
        # What the events alone make of the records is looked at.
        self.workspace.settings_file.write_text("[worker]\njobs = 0\n")
        self._environment = {"STRIPE_WEBHOOK_SECRET": SECRET, **environment}
        self._process: subprocess.Popen[str] | None = None
        self._log = folder / "serve.log"
        self.url = ""

    def start(self, *options: str) -> None:
        self.begin("serve", "--port", "0", *options)
        until(lambda: "serving on" in self.log)
        found = re.search(r"serving on (\S+)", self.log)
        assert found is not None
        self.url = found[1]

    def begin(self, *words: str) -> None:
        """The command with these words, in this workspace."""
        program = [sys.executable, "-m", "provisioner.cli.entry", "--workspace", str(self.workspace.root)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*program, *words],
                env={**os.environ, **self._environment},
                stderr=log,
                stdout=subprocess.DEVNULL,
                text=True,
            )

    def run_another(self) -> subprocess.CompletedProcess[str]:
        """A second one on the same workspace."""
        words = [sys.executable, "-m", "provisioner.cli.entry", *self._words()]
        return subprocess.run(words, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)

    def _words(self, *options: str) -> list[str]:
        return ["--workspace", str(self.workspace.root), "serve", "--port", "0", *options]

    @property
    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(WAIT_SECONDS)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(WAIT_SECONDS)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=WAIT_SECONDS)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
