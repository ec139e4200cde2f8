"""One task of a shipped playbook, run here with stand-ins for the programs that it calls."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner.playbook.load import load
from provisioner.playbook.script import render
from tests.playbooks.values import ALL


@dataclass(frozen=True)
class Bench:
    """A folder with the stand-ins, which go before the real programs."""

    folder: Path

    def program(self, name: str, shell: str) -> None:
        """`name` is this bash text; $BENCH is the folder."""
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{shell}\n")
        path.chmod(0o755)

    def run(
        self,
        playbook: str,
        task: str,
        word: str = "text",
        moved: Mapping[str, Path] | None = None,
        **variables: Any,
    ) -> "subprocess.CompletedProcess[str]":
        """The task's `run`, or with the word "unless" its guard, as the server would run it.

        `moved` are paths of the server and where they are here.
        """
        text = render(load(playbook), {**ALL[playbook], **variables}).text
        for there, here in (moved or {}).items():
            text = text.replace(there, str(here))
        return subprocess.run(
            ["bash", "-c", f"{_STAND_IN}\nwanted={shlex.quote(task)}\nword={word}\n{text}"],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "BENCH": str(self.folder),
            "LC_ALL": "C.UTF-8",
        }


# In place of run.bash: the words of all tasks are read, and one of them is run.
_STAND_IN = r"""
task() { name=$2 values=() text='' unless=''; }
background() { "$1"; }
perform() {
  local pair
  [[ $name == "\"$wanted\"" ]] || return 0
  for pair in "${values[@]}"; do declare -- "${pair%%=*}=${pair#*=}"; done
  set -euo pipefail
  eval "${!word}"
  exit 0
}
"""
