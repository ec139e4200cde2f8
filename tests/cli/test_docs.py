"""Every command and every file that a document or a help text names is there."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from provisioner.cli.main import application

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "customers/README.md", "playbooks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
_CODE = re.compile(r"`([^`]+)`|^(?: {4,}|\t)(.+)$", re.MULTILINE)
_ROOMS = ("provisioner", "tests", "docs", "playbooks", "scripts")
_PACKAGES = tuple(path.parent.name for path in (ROOT / "provisioner").glob("*/__init__.py"))
_PATH = re.compile(
    rf"(?<![\w./-])(?:(?:{'|'.join({*_ROOMS, *_PACKAGES})})/(?:[\w-]+/)*[\w-]+(?:\.[a-z]+)?|\w+\.py)\b"
)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
_NAMED = re.compile(r"(?<![\w/.@-])provisioner((?: --?[a-z-]+(?:[ =][A-Z]+)?)*)((?: [a-z][a-z-]+)+)")


def test_every_command_that_a_document_names_is_there() -> None:
    wrong = [f"{path.name}: {words}" for path in DOCUMENTS for words in _unknown(_code_of(path.read_text()))]

    assert wrong == []
    assert sum(len(list(_named(_code_of(path.read_text())))) for path in DOCUMENTS) > 30


def test_every_command_that_a_help_text_names_is_there() -> None:
    helps = [command.help or "" for command in _commands(typer.main.get_command(application()))]

    assert [words for text in helps for words in _unknown(text)] == []
    assert len(helps) > 20


def test_every_file_that_a_document_names_is_there() -> None:
    missing = [f"{path.name}: {name}" for path in DOCUMENTS for name in _missing(path)]

    assert missing == []
    assert sum(len(list(_paths(path.read_text()))) for path in DOCUMENTS) > 80


def test_the_picture_of_the_layers_is_the_order_that_is_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["id"] == "layers")
    _, _, picture = (ROOT / "docs" / "architecture.md").read_text().partition("## Layers")
    drawn = re.findall(r"^ {4}(\w+)(?:/|\.py) ", picture.partition("\n\n`sandbox/`")[0], re.MULTILINE)

    rank = {name: number for number, layer in enumerate(layers) for name in layer.split(" : ")}
    assert drawn == sorted(drawn, key=lambda name: rank[name])
    assert {*_PACKAGES, "step", "workspace"} - {"sandbox"} <= set(drawn)


def test_a_file_that_is_not_there_is_seen(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("`runs/runner.py`, `runs/strider.py`, [a page](no.md), `tests/nowhere`")

    assert list(_missing(document)) == ["runs/strider.py", "tests/nowhere", "no.md"]


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


def _missing(document: Path) -> Iterator[str]:
    """What is named and is not there; a file of the package may stand without its first folder."""
    text = document.read_text()
    for name in _paths(text):
        if not any((root / name).exists() for root in (ROOT, ROOT / "provisioner")):
            yield name
    for target in _LINK.findall(text):
        if not (document.parent / target).exists():
            yield target


def _paths(text: str) -> Iterator[str]:
    return (found[0] for found in _PATH.finditer(text))


def _code_of(text: str) -> str:
    return "\n".join(found[1] or found[2] for found in _CODE.finditer(text))


def _named(text: str) -> Iterator[list[str]]:
    return (found[2].split() for found in _NAMED.finditer(text))


def _unknown(text: str) -> Iterator[str]:
    for words in _named(text):
        at = typer.main.get_command(application())
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
