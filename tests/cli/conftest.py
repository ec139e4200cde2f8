import contextlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.cli.main import run
from provisioner.workspace import Workspace, init_workspace


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


Invoke = Callable[..., Result]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "workspace", "help@example.com")[0]


@pytest.fixture
def invoke(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs a command in this process, as the entry point would, in the workspace."""
    monkeypatch.setenv("PROVISIONER_WORKSPACE", str(workspace.root))
    # Nothing listens there: no test asks the real ones.
    monkeypatch.setenv("TELEGRAM_API_ROOT", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENROUTER_BASE_URL", "http://127.0.0.1:9")

    def call(*words: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "argv", ["provisioner", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        out = io.TextIOWrapper(io.BytesIO(), "utf-8")
        err = io.TextIOWrapper(io.BytesIO(), "utf-8")
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as end,
        ):
            run()
        code = end.value.code
        return Result(code if isinstance(code, int) else 0, _text(out), _text(err))

    return call


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
