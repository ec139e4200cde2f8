"""The two processes of the day: the sandbox, and `serve`, both in the same time that passes faster."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioner.sandbox.cloud.options import CloudOptions
from provisioner.sandbox.control.client import Sandbox
from provisioner.sandbox.control.launch import down
from provisioner.sandbox.control.options import Options
from provisioner.workspace import Workspace
from tests.simulated_time import SimulatedTime

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0


@contextmanager
def sandbox_in(folder: Path, simulated: SimulatedTime, **cloud: object) -> Iterator[Sandbox]:
    """A sandbox with pretended droplets, for as long as the block lasts."""
    options = Options(state=folder, pretend=True, cloud=CloudOptions.model_validate(cloud))
    options.folder.prepare()
    reading, reports = os.pipe()
    lifeline, ours = os.pipe()
    words = [options.model_dump_json(), str(reports), str(lifeline)]
    command = _python(simulated, "provisioner.sandbox.control.server", *words)
    with options.folder.log.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=(reports, lifeline))
    os.close(reports)
    os.close(lifeline)
    try:
        with os.fdopen(reading) as told:
            ready = any("ready" in json.loads(line) for line in told)
        assert ready, options.folder.log.read_text()
        yield Sandbox(folder)
    finally:
        os.close(ours)
        down(options.folder)
        process.wait(_STOP_SECONDS)


@dataclass(frozen=True)
class Sample:
    """How the process was after so many `hours` of the day; memory in megabytes."""

    hours: float
    memory: float
    descriptors: int
    threads: int
    files: int
    """In the workspace's state."""


class Serve:
    """`provisioner serve` of one workspace."""

    def __init__(self, workspace: Workspace, simulated: SimulatedTime, environment: dict[str, str]) -> None:
        self._workspace = workspace
        self._log = workspace.root / "serve.log"
        words = ["--workspace", str(workspace.root), "serve", "--port", "0"]
        command = with_pretended_servers(simulated, workspace, *words)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.url = self._address()

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def sample(self, hours: float) -> Sample:
        process = Path(f"/proc/{self._process.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        files = sum(len(names) for _, _, names in os.walk(self._workspace.state_dir))
        return Sample(
            hours,
            int(status["VmRSS"].split()[0]) / 1000,
            len(list((process / "fd").iterdir())),
            int(status["Threads"]),
            files,
        )

    def stop(self) -> int:
        """Its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def _address(self) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while (found := re.search(r"serving on (\S+)", self.log)) is None:
            assert self.is_alive, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)
        return found[1]


def with_pretended_servers(simulated: SimulatedTime, workspace: Workspace, *words: str) -> list[str]:
    """The command line with these words, in that time, whose customers' servers are pretended."""
    return _python(simulated, "tests.worker.day.servers", str(workspace.root), *words)


def _python(simulated: SimulatedTime, module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", "tests.simulated_time", simulated.word, module, *words]
