"""A sandbox that is another process's, for tests of what becomes of it when that process dies."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = """
import sys
from pathlib import Path
from provisioner.sandbox.control.client import running_sandbox
with running_sandbox(Path(sys.argv[1]), pretend=sys.argv[2] == "pretend"):
    print("up", flush=True)
    sys.stdin.read()
"""


@contextmanager
def started_elsewhere(state: Path, *, pretend: bool = True) -> Iterator["subprocess.Popen[str]"]:
    """The process, which has its sandbox up with this state folder, and ends with the block."""
    command = [sys.executable, "-c", _PROGRAM, str(state), "pretend" if pretend else "real"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "up\n"
        yield starter
