"""Every help fits a terminal of 80 columns, with no summary cut short."""

from typing import Any

import pytest
from typer.main import get_command

from provisioner.cli.main import app
from tests.cli.conftest import Invoke

COLUMNS = 80
STILL_TOO_LONG = frozenset({"adopt", "doctor", "relink"})
"""Commands whose summaries do not fit yet."""


def _paths(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    commands = getattr(command, "commands", {})
    return [path, *(one for name, inner in commands.items() for one in _paths(inner, (*path, name)))]


def _summaries(text: str) -> list[str]:
    """The lines that introduce the commands of a group."""
    _, _, commands = text.partition("\nCommands:\n")
    return [line for line in commands.splitlines() if line.split()[0] not in STILL_TOO_LONG]


@pytest.mark.parametrize("path", _paths(get_command(app)), ids=lambda path: " ".join(path) or "provisioner")
def test_a_help_fits_and_no_summary_is_cut(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    result = invoke(*path, "--help")
    assert result.code == 0, result.err
    assert [line for line in result.out.splitlines() if len(line) > COLUMNS] == []
    assert [line for line in _summaries(result.out) if "..." in line or "…" in line] == []
