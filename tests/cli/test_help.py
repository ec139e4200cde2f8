"""Every help fits its terminal, with no summary cut short, and speaks of nothing that only Python has."""

import re
from pathlib import Path
from typing import Any

import pytest

from provisioner.cli.commandline import command_line
from provisioner.cli.main import application
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke


def _paths(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    commands = getattr(command, "commands", {})
    return [path, *(one for name, inner in commands.items() for one in _paths(inner, (*path, name)))]


PATHS = _paths(command_line(application()))


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
    assert not re.search(r"<[a-z ]+>", result.out), "a type of Python stands in place of a name"
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


def test_the_readme_names_every_command_and_no_other() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    _, _, table = text.partition("| command | does |")
    first_cells = [line.split("|")[1] for line in table.partition("\n\n")[0].splitlines()[2:]]
    named = {words.split()[0] for cell in first_cells for words in re.findall("`([a-z][^`]*)`", cell)}
    commands = command_line(application()).commands  # type: ignore[attr-defined]
    known = {name for name, command in commands.items() if not command.hidden}
    assert known <= named
    assert named - known <= set(commands["sandbox"].commands)
