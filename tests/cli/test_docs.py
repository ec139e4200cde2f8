"""Every command that a document or a help text names is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from provisioner.cli.main import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "customers" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_CODE = re.compile(r"`([^`]+)`|^(?: {4,}|\t)(.+)$", re.MULTILINE)
_NAMED = re.compile(r"(?<![\w/.@-])provisioner((?: --?[a-z-]+(?:[ =][A-Z]+)?)*)((?: [a-z][a-z-]+)+)")


def test_every_command_that_a_document_names_is_there() -> None:
    wrong = [f"{path.name}: {words}" for path in DOCUMENTS for words in _unknown(_code_of(path.read_text()))]

    assert wrong == []
    assert sum(len(list(_named(_code_of(path.read_text())))) for path in DOCUMENTS) > 30


def test_every_command_that_a_help_text_names_is_there() -> None:
    helps = [command.help or "" for command in _commands(typer.main.get_command(app))]

    assert [words for text in helps for words in _unknown(text)] == []
    assert len(helps) > 20


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("provisioner add EMAIL", []),
        ("provisioner mail send contact", []),
        ("provisioner --workspace DIR mail send", []),
        ("provisioner frobnicate", ["frobnicate"]),
        ("provisioner mail burn EMAIL", ["mail burn"]),
        ("/tmp/provisioner frobnicate", []),
    ],
)
def test_a_command_that_is_not_there_is_seen(text: str, unknown: list[str]) -> None:
    assert list(_unknown(text)) == unknown


def _code_of(text: str) -> str:
    return "\n".join(found[1] or found[2] for found in _CODE.finditer(text))


def _named(text: str) -> Iterator[list[str]]:
    return (found[2].split() for found in _NAMED.finditer(text))


def _unknown(text: str) -> Iterator[str]:
    for words in _named(text):
        at = typer.main.get_command(app)
        for count, word in enumerate(words, start=1):
            inside = getattr(at, "commands", None)
            if inside is None:
                break
            if word not in inside:
                yield " ".join(words[:count])
                break
            at = inside[word]


def _commands(command: object) -> "Iterator[typer.core.TyperCommand]":
    for one in getattr(command, "commands", {}).values():
        yield one
        yield from _commands(one)
