"""Every help fits its terminal, with no summary cut short, and speaks of nothing that only Python has."""

from typing import Any

import pytest

from provisioner.cli.commandline import command_line
from provisioner.cli.main import app
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke


def _paths(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    commands = getattr(command, "commands", {})
    return [path, *(one for name, inner in commands.items() for one in _paths(inner, (*path, name)))]


PATHS = _paths(command_line(app))


def _summaries(text: str) -> list[str]:
    """The lines that introduce the commands of a group."""
    _, _, commands = text.partition("\nCommands:\n")
    return commands.splitlines()


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: " ".join(path) or "provisioner")
def test_a_help_fits_and_no_summary_is_cut(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = invoke(*path, "--help")
    assert result.code == 0, result.err
    assert [line for line in result.out.splitlines() if len(line) > columns] == []
    assert [line for line in _summaries(result.out) if "..." in line or "…" in line] == []
    assert "list[" not in result.out
    assert result.out == invoke(*path, "-h").out


def test_the_workspace_may_be_named_behind_the_command(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROVISIONER_WORKSPACE")
    folder = str(workspace.root)
    assert invoke("add", "ada@example.com", "sub_1", "--workspace", folder).code == 0
    assert "ada@example.com" in invoke("list", f"--workspace={folder}").out
    assert invoke("note", "ada@example.com", "--workspace", folder, "two", "words").code == 0
    assert invoke("timeline", "ada@example.com", "--workspace", folder).code == 0
    assert "two words" in invoke("show", "--workspace", folder, "ada@example.com").out
    assert invoke("mail", "preview", "ready", "ada@example.com", "--workspace", folder).code == 0
    assert invoke("list").code == 2, "it is forgotten with the command"
