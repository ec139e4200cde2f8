"""A copy of the project in which code may be broken, and what its tests say about it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("provisioner", "tests", "playbooks", "customers", "docs", "scripts", "pyproject.toml", "README.md")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "active", "archive", ".*")
_MOST_MEMORY = 4 * 2**30
"""Bytes of address space for a run of tests: a broken loop may collect without end."""
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_NOTHING_RUN = 5
_KILLED_BY_TIMEOUT = -1


@dataclass(frozen=True)
class Verdict:
    """How the tests ended; `output` is what they printed at the end."""

    code: int
    seconds: float
    output: str

    @property
    def killed(self) -> bool:
        """Whether they have noticed; ValueError if there was nothing that could."""
        if self.code == _NOTHING_RUN:
            raise ValueError(f"no tests were run: {self.output}")
        return self.code != 0


class Tree:
    """A copy of what is needed to run the fast tests; what is imported there is the copy."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        for name in _PARTS:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=_NOT_COPIED)
            else:
                shutil.copy(source, root / name)
        self._demand_own_code()

    @contextmanager
    def broken(self, file: str, text: str) -> Iterator[None]:
        """While the block runs the file has this text."""
        path = self.root / file
        whole = path.read_text()
        path.write_text(text)
        try:
            yield
        finally:
            path.write_text(whole)

    def test(self, tests: Sequence[str], *, within: float, on_machine: bool = False) -> Verdict:
        """Run these (files, folders, ids, options) up to the first failure; too late is a failure.

        Those that need a real server are left out, unless told that it is about them.
        """
        began = time.monotonic()
        kind = "sandbox" if on_machine else "not sandbox"
        words = ("--exitfirst", "--quiet", "--no-header", "-p", "no:cacheprovider", "-m", kind)
        process = subprocess.Popen(
            # They end with us, whatever ends us.
            [
                *_DIES_WITH_US,
                "prlimit",
                f"--as={_MOST_MEMORY}",
                sys.executable,
                "-m",
                "pytest",
                *words,
                *tests,
            ],
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=within)
            code = process.returncode
        except subprocess.TimeoutExpired:
            output, code = "too late", _KILLED_BY_TIMEOUT
        finally:
            _end(process)
        return Verdict(code, time.monotonic() - began, "\n".join(output.splitlines()[-15:]))

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        # Two versions of a file may have the same second and size: a kept .pyc would be that of the other.
        return {**kept, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}

    def _demand_own_code(self) -> None:
        ask = [sys.executable, "-c", "import provisioner; print(provisioner.__file__)"]
        said = subprocess.run(ask, cwd=self.root, env=self._environment(), capture_output=True, check=True)
        assert Path(said.stdout.decode().strip()).is_relative_to(self.root), said.stdout


def _end(process: "subprocess.Popen[str]") -> None:
    """The tests and whatever they have started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()
