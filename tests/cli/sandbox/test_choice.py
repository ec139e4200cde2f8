"""What is said about one sandbox of several names that one."""

from pathlib import Path

import pytest

from provisioner.cli.sandbox import choice


@pytest.mark.parametrize(
    ("name", "state", "line"),
    [
        ("default", None, "provisioner sandbox env"),
        ("mine", None, "provisioner sandbox --name mine env"),
        ("default", Path("/a b"), "provisioner sandbox --state '/a b' env"),
    ],
)
def test_the_command_is_of_the_sandbox_that_was_chosen(name: str, state: Path | None, line: str) -> None:
    choice.choose_sandbox(name, state)
    try:
        assert choice.sandbox_command("env") == line
    finally:
        choice.choose_sandbox("default", None)
