"""Commands that are printed can be pasted into a shell, whatever is in them."""

import shlex
import subprocess
from pathlib import Path

import pytest

from provisioner.cli.context import choose_workspace
from provisioner.printable import command

_HOSTILE = [
    "`touch${IFS}x`@example.com",
    "$(touch x)@example.com",
    "a b@example.com",
    "o'neil@example.com",
    "x;touch x",
]


@pytest.mark.parametrize("address", _HOSTILE)
def test_an_address_reaches_the_program_as_it_is_and_runs_nothing(address: str, tmp_path: Path) -> None:
    printed = command("provision", address)
    show = f"provisioner() {{ printf '%s\\n' \"$@\"; }}; {printed}"
    shown = subprocess.run(["bash", "-c", show], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == ["provision", address]
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_looks_like_an_option_stands_behind_two_dashes() -> None:
    assert shlex.split(command("update", "--help@example.com", "name", "x", options="--force")) == [
        "provisioner", "update", "--force", "--", "--help@example.com", "name", "x",
    ]  # fmt: skip


def test_a_plain_command_stays_plain() -> None:
    assert command("update", "a@example.com", "setup.messaging.botToken", "-") == (
        "provisioner update a@example.com setup.messaging.botToken -"
    )


def test_where_a_workspace_was_named_every_printed_command_names_it() -> None:
    try:
        choose_workspace(Path("/a folder"))
        assert shlex.split(command("list")) == ["provisioner", "--workspace", "/a folder", "list"]
    finally:
        choose_workspace(None)
    assert command("list") == "provisioner list"
