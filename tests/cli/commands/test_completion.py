"""What shells complete, asked as they ask, and by the shells themselves."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.cli.commands.completion import MOST, addresses
from provisioner.cli.context import choose_workspace
from provisioner.customers.new import SignUp, new_record
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke

ADDRESSES = ("ada@example.com", "adam.x+1@example.com", "bob@example.com")
EVIL = "`touch${IFS}pwned`"


@pytest.fixture(autouse=True)
def customers(workspace: Workspace) -> None:
    for email in ADDRESSES:
        workspace.store().add(new_record(SignUp(email, "sub")))


def completed(invoke: Invoke, line: str) -> list[str]:
    result = invoke("complete", "--line", line)
    assert (result.code, result.err) == (0, "")
    return [one.partition("\t")[0] for one in result.out.splitlines()]


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("provisioner prov", ["provision"]),
        ("provisioner sandbox ph", ["phone"]),
        ("provisioner provision ad", ["ada@example.com", "adam.x+1@example.com"]),
        ("provisioner provision ADA", ["ada@example.com", "adam.x+1@example.com"]),
        ("provisioner provision bob@example.com ada@", ["ada@example.com"]),
        ("provisioner provision bob@example.com --until mo", ["moltbot"]),
        ("provisioner provision --unt", ["--until"]),
        ("provisioner list --status act", ["active"]),
        ("provisioner show b", ["bob@example.com"]),
        ("provisioner mail preview ready b", ["bob@example.com"]),
        ("provisioner adopt b", ["bob@example.com"]),
        ("provisioner add b", []),
        ("provisioner restore b", []),
        ("provisioner nonsense bo", []),
        ("provisioner show 'b", ["bob@example.com"]),
        ("provisioner completion f", ["fish"]),
    ],
)
def test_what_a_line_becomes(invoke: Invoke, line: str, becomes: list[str]) -> None:
    assert completed(invoke, line) == becomes


def test_an_empty_word_offers_all(invoke: Invoke) -> None:
    assert completed(invoke, "provisioner show ") == list(ADDRESSES)
    assert "provision" in completed(invoke, "provisioner ")
    assert "complete" not in completed(invoke, "provisioner comp")


def test_the_workspace_that_the_line_names_is_looked_at(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROVISIONER_WORKSPACE")
    try:
        for line in ("--workspace {} show b", "show --workspace {} b"):
            assert completed(invoke, f"provisioner {line.format(workspace.root)}") == ["bob@example.com"]
        assert completed(invoke, "provisioner --workspace /nowhere show b") == []
    finally:
        choose_workspace(None)
    [folder] = completed(invoke, f"provisioner --workspace {workspace.root / 'cust'}")
    assert folder == f"{workspace.root}/customers/"


def test_broken_and_odd_files_offer_nothing(workspace: Workspace, invoke: Invoke) -> None:
    active = workspace.customers_dir / "active"
    odd = [
        "{",
        "[" * 100_000,
        "[]",
        json.dumps({"email": 7}),
        json.dumps({"email": "cat\x1b[2J@example.com"}),
    ]
    for number, text in enumerate(odd):
        (active / f"cat{number}.json").write_text(text)
    (active / "cat_link.json").symlink_to("/etc/passwd")
    os.mkfifo(active / "cat_pipe.json")
    assert completed(invoke, "provisioner show cat") == []


def test_no_more_files_are_read_than_are_offered(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    active = workspace.customers_dir / "active"
    for number in range(3 * MOST):
        (active / f"many{number}_at_example.com.json").write_text(
            json.dumps({"email": f"many{number}@example.com"})
        )
    opened: list[Path] = []

    def address_in(path: Path) -> str:
        opened.append(path)
        return "many@example.com"

    monkeypatch.setattr("provisioner.cli.commands.completion._address_in", address_in)
    assert len(list(addresses(workspace, "many"))) == MOST
    assert len(opened) == MOST


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """`provisioner` as a command that shells find."""
    path = tmp_path / "bin" / "provisioner"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m provisioner.cli.main "$@"\n')
    path.chmod(0o755)
    return path


def shell(program: Path, workspace: Workspace, *words: str) -> str:
    """What a shell prints, with the program on its path."""
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PROVISIONER_WORKSPACE": str(workspace.root),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(program.parent),
        "TERM": "dumb",
    }
    done = subprocess.run(
        words, env=environment, cwd=program.parent, capture_output=True, text=True, check=False, timeout=300
    )
    return done.stdout


def add_evil(workspace: Workspace) -> None:
    data = {"id": "cust_9", "email": f"{EVIL}@example.com"}
    (workspace.customers_dir / "active" / "_touch__IFS_pwned__at_example.com.json").write_text(
        json.dumps(data)
    )


BASH = r"""
source <(provisioner completion bash)
try() {
    COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDBREAKS=$' \t\n"\'@><=;|&(:'
    _provisioner_completion provisioner
    printf '%s\n' "${COMPREPLY[@]}"
}
try 'provisioner show a'
try 'provisioner show ada@'
try 'provisioner list --sta'
try 'provisioner show `'
"""


def test_bash_completes_addresses_behind_its_own_word_breaks(program: Path, workspace: Workspace) -> None:
    add_evil(workspace)
    told = shell(program, workspace, "bash", "--noprofile", "--norc", "-c", BASH).splitlines()
    assert told == [
        "ada@example.com",
        "adam.x+1@example.com",
        "example.com",
        "--status",
        "\\`touch\\$\\{IFS\\}pwned\\`@example.com",
    ]
    assert not (program.parent / "pwned").exists()


def test_fish_completes_addresses(program: Path, workspace: Workspace) -> None:
    add_evil(workspace)
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    ask = "complete -C 'provisioner show a'; complete -C 'provisioner prov'; complete -C 'provisioner show '"
    script = f"provisioner completion fish | source; {ask}"
    told = shell(program, workspace, "fish", "--no-config", "-c", script).splitlines()
    assert told[:2] == ["ada@example.com", "adam.x+1@example.com"]
    assert told[2].startswith("provision\tSet customers up")
    assert f"{EVIL}@example.com" in told[3:]
    assert not (program.parent / "pwned").exists()


ZSH = r"""
compdef() { : }
compadd() { print -l -- "${values[@]}" }
_files() { print files }
eval "$(provisioner completion zsh)"
try() { local -a words=("$@"); local CURRENT=$#words; _provisioner }
try provisioner show a
try provisioner list --sta
try provisioner show bob\\@e
try provisioner show ''
try provisioner sandbox env x
"""


def test_zsh_completes_addresses(program: Path, workspace: Workspace) -> None:
    add_evil(workspace)
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    told = shell(program, workspace, "zsh", "-f", "-c", ZSH).splitlines()
    assert told == [
        "ada@example.com",
        "adam.x+1@example.com",
        "--status",
        "bob@example.com",
        f"{EVIL}@example.com",
        *ADDRESSES,
        "files",
    ]
    assert not (program.parent / "pwned").exists()
