import contextlib
import io
import json
import re

import pytest

from provisioner.cli.output import render
from provisioner.cli.output.terminal import write_lines
from provisioner.errors import ProvisionerError

HEADER = ("SETUP", "ADDRESS", "STATUS", "SIGNED UP", "WAITS FOR")
LONG = "a.very.long.name@a.very.long.domain.example.com"
ROWS = (
    ("1/4", "short@example.com", "active", "2026-01-29", "step moltbot"),
    ("2/4", LONG, "in_progress", "2026-01-29", "@ada to press Start at https://t.me/x"),
    ("", "東京🦞@example.com", "broken", "", "bad\x1b[31m\nJSON"),
)


class Terminal(io.TextIOWrapper):
    """A stream that is a terminal; what it was sent can be read."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding)

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        self.seek(0)
        return self.read()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("NO_COLOR", "1")
    return Terminal()


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_no_line_of_a_table_is_wider_than_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with contextlib.redirect_stdout(terminal):
        render.print_table(HEADER, ROWS, {})
    text = terminal.text()
    assert all(render.width(line) <= columns for line in text.splitlines())
    assert "https://t.me/x" in text
    assert ("a.very.long.domain.example.com" in text) == (columns >= 120)


def test_columns_stand_under_each_other_whatever_the_letters(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with contextlib.redirect_stdout(terminal):
        render.print_table(HEADER, ROWS, {})
    lines = terminal.text().splitlines()
    starts = {
        render.width(line[: line.index(status)])
        for line, status in zip(lines[1:], ("active", "in_", "broken"), strict=True)
    }
    assert len(starts) == 1


def test_nothing_that_a_terminal_acts_on_gets_through(terminal: Terminal) -> None:
    with contextlib.redirect_stdout(terminal):
        render.print_table(HEADER, ROWS, {})
        entry = {"timestamp": "t", "event": "\x1b", "details": "\r"}
        render.print_document({"na\x1bme": "x\x1b]0;title\x07y\u202e", "l": [entry]})
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(terminal.text())


def test_elsewhere_a_table_is_plain_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_table(HEADER, ROWS[:2], {"active": "green"})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].endswith("in_progress  2026-01-29  @ada to press Start at https://t.me/x")
    assert "\x1b" not in lines[1]


def test_colours_are_for_terminals_that_want_them(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    write_lines([render.styled("x", "green")], terminal)
    monkeypatch.delenv("NO_COLOR")
    write_lines([render.styled("y", "green")], terminal)
    monkeypatch.setenv("TERM", "dumb")
    write_lines(["a " + render.styled("z", "green") + " b"], terminal)
    assert terminal.text() == "x\n\x1b[32my\x1b[0m\na z b\n"


def test_a_terminal_without_the_letters_gets_what_it_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    poor = Terminal("ascii")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    error = ProvisionerError("dance", whom="Zoë", cause="no " + "shoes " * 12, hint="buy some")
    render.print_error(error, poor)
    lines = poor.text().splitlines()
    assert lines[0] == "error: could not dance for Zo?"
    assert lines[-1] == "  ? buy some"
    assert len(lines) > 3
    assert all(len(line) <= 40 for line in lines)


@pytest.mark.parametrize("length", [5, 20, 27, 28, 39, 60])
def test_a_block_fits_whatever_stands_before_it(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    terminal = Terminal("utf-8")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    first = render.styled("a" * length, "red") + ": "
    render.print_paragraph(first, "choose " * 12, terminal)
    before, *rest = re.sub("\x1b[^m]*m", "", terminal.text()).splitlines()
    assert before.startswith("a" * length + ":")
    assert all(len(line) <= 40 for line in (before, *rest) if "choose" in line)
    assert " ".join((before, *rest)).count("choose") == 12


def test_json_is_one_versioned_document(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_json("customers", customers=["Zoë"])
    document = json.loads(capsys.readouterr().out)
    assert document == {"version": 1, "kind": "customers", "customers": ["Zoë"]}
    assert list(document) == ["version", "kind", "customers"]
