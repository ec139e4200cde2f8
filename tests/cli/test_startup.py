"""What a command loads before its first word: only what stands in the lists here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.workspace import Workspace

COMMAND_LINE = {"typer", "shellingham", "annotated_doc"}
RECORDS = {
    *COMMAND_LINE,
    *("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
}
"""Records are pydantic models; and typer itself checks the words of a command with pydantic."""
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
    assert "provisioner.cli.commands.tracking" in loaded
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
def test_list_loads_nothing_but_the_records(workspace: Workspace, option: tuple[str, ...]) -> None:
    workspace.store().add(new_record(SignUp("ada@example.com", "sub_ada")))

    loaded = _loaded("--workspace", str(workspace.root), "list", *option)

    assert _third_party(loaded) == RECORDS
    assert not SLOW_STANDARD_MODULES & loaded.keys()
    assert not [name for name in loaded if name.startswith(OUTSIDE)]
