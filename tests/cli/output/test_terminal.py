"""Nothing that a server, a service or a record says reaches a terminal in a form that it would act on."""

import ast
import contextlib
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioner import cli
from provisioner.cli.commands import server
from provisioner.cli.main import run
from provisioner.cli.output import terminal
from provisioner.cli.output.live import lines, shown, shown_together
from provisioner.customers.wanted import wanted_of
from provisioner.errors import CloudError
from provisioner.playbook.logs import Run
from provisioner.printable import clean, clean_json, clean_lines
from provisioner.runs.fleet import JobResult
from provisioner.runs.planning import Plan, StepPlan
from provisioner.runs.progress import Listener, Progress
from provisioner.settings import Settings
from provisioner.step import Planned
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke, Result
from tests.customers.examples import documented, write_old

HOSTILE = (
    "\x1b[2J\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x1b\\ \x9b31m\x9d0;t\x9c \u202eevil\u2066 \u200f"
    "pay\rwipe\x08\x7f\x00\x0b\u2028next\U000e0041 end"
)
FORGED = "ok\nerror: forged"
EMAIL = "customer@example.com"
# Styles, and what a live view moves the cursor with.
_OWN = re.compile("\x1b\\[[0-9;]*m|\x1b\\[\\?25[lh]|\x1b\\[[12]?[AKG]|\r(?=\x1b\\[2K)")


def acted_on(text: str) -> set[str]:
    """What a terminal would act on, but for line ends, tabs, and what we draw with ourselves."""
    unfit = "\x1b\x07\x08\x0b\x00\r\x7f\x9b\x9c\x9d\u202e\u2066\u200f\u2028\U000e0041"
    return set(unfit) & set(_OWN.sub("", text))


class Terminal(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8")

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        self.seek(0)
        return self.read()


Command = Callable[..., Result]


@pytest.fixture(params=["terminal", "pipe"])
def command(invoke: Invoke, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command on a terminal, and into a pipe."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def on_terminal(*words: str) -> Result:
        out, err = Terminal(), Terminal()
        monkeypatch.setattr(sys, "argv", ["provisioner", *words])
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as end,
        ):
            run()
        return Result(int(end.value.code or 0), out.text(), err.text())

    return on_terminal if request.param == "terminal" else invoke


@pytest.fixture
def record(workspace: Workspace) -> dict[str, Any]:
    """A customer whose file says hostile things wherever it can."""
    data = documented()
    data["name"] = HOSTILE
    data["status"] = "in_progress"
    setup = data["setup"]
    setup["status"] = "in_progress"
    setup["handoff"]["completed"] = False
    setup["droplet"]["region"] = HOSTILE
    setup["waiting"] = {"for": f"to press Start at {HOSTILE}", "of": HOSTILE, "since": "2026-01-29T06:00:00Z"}
    data["notes"][0]["note"] = HOSTILE
    data["timeline"][0] |= {"details": HOSTILE, "event": "odd\x1b[1m", HOSTILE: HOSTILE}
    data[HOSTILE] = {HOSTILE: [HOSTILE]}
    write_old(workspace.customers_dir / "active", data)
    (workspace.customers_dir / "active" / "broken\x1b]0;x\x07.json").write_text("{")
    return data


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("show", EMAIL),
        ("timeline", EMAIL),
        ("status",),
        ("check",),
        ("update", EMAIL, "name", "Ada"),
        ("update", EMAIL, "setup.droplet.region", "fra1"),
        ("note", EMAIL, "seen"),
        ("show", f"{HOSTILE}@example.com"),
        ("list", "--status", HOSTILE),
        ("list", HOSTILE),
        (HOSTILE,),
        ("plan", EMAIL),
        ("mail", "preview", "ready", EMAIL),
        ("mail", "preview", "ready", EMAIL, "--html"),
        ("provision", EMAIL, "--until", HOSTILE),
        ("provision", EMAIL, "--wait", HOSTILE),
        ("relink", EMAIL),
        ("doctor",),
    ],
    ids=lambda words: " ".join(words)[:40].encode("unicode_escape").decode(),
)
def test_no_command_passes_on_what_a_record_says(
    command: Command, record: dict[str, Any], words: tuple[str, ...]
) -> None:
    result = command(*words)

    assert result.out + result.err
    assert acted_on(result.out + result.err) == set()


def test_what_cannot_be_seen_stands_as_an_escape_in_json(command: Command, record: dict[str, Any]) -> None:
    shown = command("show", EMAIL, "--json").out

    assert acted_on(shown) == set()
    assert json.loads(shown)["customer"]["name"] == HOSTILE


def test_no_plan_passes_on_what_a_server_says(
    command: Command, record: dict[str, Any], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = workspace.store().read(EMAIL).customer
    step = StepPlan("moltbot", False, (HOSTILE,), (Planned(HOSTILE, True), Planned(HOSTILE, False)))
    made = Plan(customer, (step,), wanted_of(customer, Settings()))
    monkeypatch.setattr("provisioner.runs.planning.plan", lambda *_, **__: made)

    for words in (("plan", EMAIL), ("plan", EMAIL, "--json")):
        result = command(*words)
        assert "evil" in result.out
        assert acted_on(result.out + result.err) == set()


JOURNAL: list[dict[str, Any]] = [
    {"event": "run", "run": HOSTILE, "playbook": HOSTILE, "tasks": 2, "time": 1},
    {"event": "retry", "task": 1, "exit": 4, "name": HOSTILE},
    {"event": "end", "task": 1, "status": "ok", "seconds": 1, "name": HOSTILE, "output": ""},
    {
        "event": "end",
        "task": 2,
        "status": "failed",
        "seconds": 1,
        "name": FORGED,
        "output": f"one\n\ttwo {HOSTILE}",
    },
    {"event": "finished", "ok": False, "cause": HOSTILE, "seconds": 3},
]


def test_no_log_passes_on_what_a_server_says(
    command: Command, record: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_there = Run(HOSTILE, playbook=HOSTILE, tasks=2, ok=False, changed=1)
    monkeypatch.setattr(server, "_connected", lambda _: contextlib.nullcontext())
    monkeypatch.setattr("provisioner.playbook.logs.runs_on", lambda *_: [run_there])
    monkeypatch.setattr("provisioner.playbook.logs.read_journal", lambda *_: JOURNAL)
    monkeypatch.setattr("provisioner.playbook.logs.read_log", lambda *_: f"one\n\ttwo {HOSTILE}")

    for options in ((), ("--runs",), ("--task", "1"), ("--json",)):
        result = command("logs", EMAIL, *options)
        assert "evil" in result.out
        assert acted_on(result.out + result.err) == set()
        assert not re.search("^error: forged", result.out, re.MULTILINE)


def test_no_crash_passes_on_what_was_said(
    command: Command, monkeypatch: pytest.MonkeyPatch, record: dict[str, Any]
) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError(HOSTILE + FORGED)

    monkeypatch.setattr("provisioner.workspace.Workspace.store", stumble)

    result = command("list")

    assert "evil" in result.err
    assert acted_on(result.err) == set()
    assert len(result.err.splitlines()) == 1


def in_one(stream: Terminal, progress: list[Progress]) -> None:
    with shown(stream) as hear:
        _tell(hear, progress)


def among_many(stream: Terminal, progress: list[Progress]) -> None:
    with shown_together(1, stream) as (hear, ended):
        _tell(hear, progress)
        ended(JobResult(HOSTILE, refusal=CloudError("create the droplet", cause=HOSTILE)))


def for_programs(stream: Terminal, progress: list[Progress]) -> None:
    hear, ended = lines(stream)
    _tell(hear, progress)
    ended(JobResult(HOSTILE, refusal=CloudError("create the droplet", cause=HOSTILE)))


def _tell(hear: Listener, progress: list[Progress]) -> None:
    for one in progress:
        hear(one)


@pytest.mark.parametrize("show", [in_one, among_many, for_programs])
def test_no_live_view_passes_on_what_was_said(
    show: Callable[[Terminal, list[Progress]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()

    show(
        stream,
        [
            Progress(EMAIL, "droplet", "skipped"),
            Progress(EMAIL, HOSTILE, "started"),
            Progress(EMAIL, HOSTILE, "said", HOSTILE),
            Progress(EMAIL, HOSTILE, "failed", HOSTILE, 1),
        ],
    )

    assert "evil" in stream.text()
    assert acted_on(stream.text()) == set()


def test_rich_draws_nothing_but_clean_text_whoever_forgot_to_clean_it() -> None:
    from rich.text import Text

    stream = Terminal()
    screen = terminal.console(stream)
    screen.print(Text(HOSTILE))
    screen.print(HOSTILE)
    screen.print("[red]as it is[/red]")

    assert acted_on(stream.text()) == set()
    assert "[red]as it is[/red]" in stream.text()


def test_one_line_stays_one_line_and_a_text_keeps_its_lines() -> None:
    assert clean("a\nb\tc") == "a b c"
    assert clean_lines("a\r\n\tb\rc") == "a\n\tb c"
    assert clean("Zoë 東京 🦞 👩\u200d💻") == "Zoë 東京 🦞 👩\u200d💻"


def test_a_text_of_any_length_is_wrapped_in_parts() -> None:
    words = " ".join(f"https://example.com/{number}" for number in range(2000))
    lines = terminal.wrap(words, 80, 4, 2)
    assert " ".join(line.strip() for line in lines) == words
    assert (lines[0][:5], lines[-1][:3]) == ("    h", "  h")
    assert max(map(len, lines)) <= 80
    # As much as a task's log may hold, of what textwrap would take an hour for.
    for text in (" " * 10_000_000, "x" * 10_000_000):
        assert "".join(terminal.wrap(text, 80)) == text.strip()
    assert terminal.cut("字" * 1_000_000, 20) == "字" * 9 + "…"


def test_json_is_the_same_document_after_cleaning() -> None:
    document = json.dumps({"a": HOSTILE, "b": ["Zoë\n"]}, indent=2, ensure_ascii=False)
    assert json.loads(clean_json(document)) == json.loads(document)
    assert acted_on(clean_json(document)) == set()


def test_styles_are_ours_only() -> None:
    stream = Terminal()
    terminal.write_lines(["a" + terminal.styled(f"x{HOSTILE}", "red")], stream)
    assert stream.text().count("\x1b") == 2


MODULES = sorted(Path(cli.__file__).parent.rglob("*.py"))
ONLY_PLACE = "terminal.py"


def _writes(tree: ast.AST) -> list[str]:
    """What in a module goes to the standard streams past the one place that cleans."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="print")):
                found.append(f"{node.lineno}: print")
            case ast.Attribute(
                value=ast.Name(id="sys"), attr="stdout" | "stderr" | "__stdout__" | "__stderr__"
            ):
                found.append(f"{node.lineno}: sys.{node.attr}")
            case ast.Attribute(value=ast.Name(id="typer"), attr="echo" | "secho" | "echo_via_pager"):
                found.append(f"{node.lineno}: typer.{node.attr}")
            case (
                ast.Call(func=ast.Name(id="Console"))
                | ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="write"))
            ):
                found.append(f"{node.lineno}: a way round")
            case ast.ImportFrom(module="rich" | "sys"):
                found.append(f"{node.lineno}: from {node.module}")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_only_one_module_writes_to_the_standard_streams(module: Path) -> None:
    found = _writes(ast.parse(module.read_text("utf-8")))
    assert bool(found) == (module.name == ONLY_PLACE), found
