"""What a command loads before its first word: only what stands in the lists here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.cli.commandline import command_line
from provisioner.cli.main import ROOMS, application
from provisioner.customers.new import SignUp, new_record
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke

COMMAND_LINE = {"typer", "shellingham", "annotated_doc"}
VIEWS = {*COMMAND_LINE, "msgspec", "typing_extensions"}
"""What a list shows is read without the records' pydantic models, and its words are taken as typed."""
RECORDS = {
    *COMMAND_LINE,
    *("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
}
"""Records are pydantic models; and typer checks with pydantic what is not a plain word."""
SLOW_STANDARD_MODULES = {"asyncio", "ssl", "http.client", "urllib.request", "logging", "sqlite3", "xml"}
OUTSIDE = ("provisioner.services", "provisioner.ssh", "provisioner.playbook", "provisioner.sandbox")
"""The rooms that talk to other machines."""

_PROGRAM = """
import json, os, sys
import provisioner.cli.main as main
try:
    main.run()
except SystemExit as end:
    code = end.code
loaded = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
os.write(2, json.dumps({"code": code, "loaded": loaded}).encode())
"""


def _loaded(*words: str) -> dict[str, str]:
    """Each module, and its file, that is loaded when the command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words], capture_output=True, text=True, check=True
    )
    ended = json.loads(done.stderr)
    assert ended["code"] == 0
    loaded: dict[str, str] = ended["loaded"]
    assert "provisioner.cli.commandline" in loaded
    return loaded


def _third_party(loaded: dict[str, str]) -> set[str]:
    installed = {
        name.partition(".")[0] for name, file in loaded.items() if "site-packages" in Path(file).parts
    }
    # Both come with the virtual environment, in every Python process.
    return {name for name in installed - {"_distutils_hack"} if not name.startswith("__editable__")}


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (("--help",), COMMAND_LINE),
        (("sandbox", "--help"), RECORDS),
        (("provision", "--help"), RECORDS),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_help_loads_nothing_but_the_command_line(words: tuple[str, ...], allowed: set[str]) -> None:
    loaded = _loaded(*words)

    assert _third_party(loaded) <= allowed
    assert not SLOW_STANDARD_MODULES & loaded.keys()
    assert not [name for name in loaded if name.startswith(OUTSIDE)]


@pytest.mark.parametrize("option", [(), ("--json",)], ids=["table", "json"])
@pytest.mark.parametrize("command", ["list", "status"])
def test_what_shows_everybody_loads_nothing_but_views(
    workspace: Workspace, command: str, option: tuple[str, ...]
) -> None:
    workspace.store().add(new_record(SignUp("ada@example.com", "sub_ada")))

    loaded = _loaded("--workspace", str(workspace.root), command, *option)

    assert _third_party(loaded) == VIEWS
    assert not SLOW_STANDARD_MODULES & loaded.keys()
    assert not [name for name in loaded if name.startswith(OUTSIDE)]


def test_each_command_is_where_it_is_looked_for() -> None:
    every: list[str] = []
    for names in ROOMS.values():
        for name in names:
            commands = command_line(application(name)).commands  # type: ignore[attr-defined]
            assert [found for found, one in commands.items() if not one.hidden] == list(names)
        every += names
    everything = command_line(application()).commands  # type: ignore[attr-defined]
    assert sorted(found for found, one in everything.items() if not one.hidden) == sorted(every)


@pytest.mark.parametrize(
    "words",
    [
        ("--workspace", "{}", "list"),
        ("--workspace={}", "list"),
        ("list", "--workspace", "{}"),
        ("list",),
    ],
    ids=" ".join,
)
def test_a_command_is_found_behind_the_options(
    invoke: Invoke, workspace: Workspace, words: tuple[str, ...]
) -> None:
    result = invoke(*(word.format(workspace.root) for word in words))
    assert (result.code, result.err) == (0, "No customers.\n")


def test_a_folder_of_a_commands_name_is_no_command(invoke: Invoke) -> None:
    assert invoke("--workspace", "list").code == 2
    assert "Did you mean" in invoke("lst").err
