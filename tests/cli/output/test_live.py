"""What is shown of a run as it goes on: on a terminal, elsewhere, and to programs."""

import io
import json
import re
import time
from collections.abc import Callable

import pytest

from provisioner.cli.output.live import lines, shown, shown_in_passing, shown_on_terminal, shown_together
from provisioner.errors import CloudError
from provisioner.runs.fleet import JobResult
from provisioner.runs.progress import Listener, Progress

EMAIL = "ada@example.com"
# What a server or a service may have put into its last words.
HOSTILE = "\x1b[2Jno\x07 space\r"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def a_run(hear: Listener) -> None:
    hear(Progress(EMAIL, "droplet", "skipped"))
    hear(Progress(EMAIL, "moltbot", "started"))
    hear(Progress(EMAIL, "moltbot", "said", HOSTILE))
    hear(Progress(EMAIL, "moltbot", "failed", f"could not install: {HOSTILE}", 61.2))


def in_one(stream: io.StringIO) -> None:
    with shown(stream) as hear:
        a_run(hear)


def among_many(stream: io.StringIO) -> None:
    with shown_together(1, stream) as (hear, ended):
        a_run(hear)
        ended(JobResult(EMAIL, refusal=CloudError("create the droplet", cause=HOSTILE)))


@pytest.mark.parametrize("show", [in_one, among_many])
def test_elsewhere_than_on_a_terminal_each_event_is_a_plain_line(show: Callable[[io.StringIO], None]) -> None:
    stream = io.StringIO()

    show(stream)

    told = stream.getvalue().splitlines()
    assert told[0] == f"{EMAIL}  droplet    done before"
    assert told[3].startswith(f"{EMAIL}  moltbot    failed after 1 min 01 s: could not install")
    assert all(line.isprintable() for line in told)


@pytest.mark.parametrize("show", [in_one, among_many])
def test_on_a_terminal_nothing_that_a_server_says_is_acted_on(
    show: Callable[[io.StringIO], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()

    show(stream)

    assert "no  space" in stream.getvalue()
    assert not [one for one in ("\x1b[2J", "\x07") if one in stream.getvalue()]


def test_what_is_shown_in_passing_leaves_nothing_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()

    with shown_in_passing("looking", stream) as say:
        say(f"asking the server {HOSTILE}")

    assert "\x1b[2J" not in stream.getvalue()
    assert left_on_screen(stream.getvalue()) == []
    elsewhere = io.StringIO()
    with shown_in_passing("looking", elsewhere) as say:
        say("asking the server")
    assert elsewhere.getvalue() == "asking the server\n"


def test_what_is_shown_on_a_terminal_alone_is_no_line_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    stream, elsewhere = Terminal(), io.StringIO()

    for one in (stream, elsewhere):
        with shown_on_terminal("doctor", one) as say:
            say("visited 17 of 9000 servers")
            time.sleep(0.3)

    assert "visited 17 of 9000 servers" in stream.getvalue()
    assert left_on_screen(stream.getvalue()) == []
    assert elsewhere.getvalue() == ""


def left_on_screen(drawn: str) -> list[str]:
    """What a terminal shows in the end, of lines that move up and erase."""
    lines, row = [""], 0
    for one in re.findall("\x1b\\[[0-9;?]*[A-Za-z]|\n|\r|[^\x1b\n\r]+", drawn):
        if one == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif one.endswith("A") and one.startswith("\x1b"):
            row -= int(one[2:-1] or 1)
        elif one == "\x1b[2K":
            lines[row] = ""
        elif one != "\r" and not one.startswith("\x1b"):
            lines[row] += one
    return [line for line in lines if line.strip()]


def test_for_programs_each_event_is_a_line_of_json() -> None:
    stream = io.StringIO()
    hear, ended = lines(stream)

    a_run(hear)
    ended(JobResult(EMAIL, refusal=CloudError("create the droplet", cause=HOSTILE)))

    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["kind"] for event in events] == ["skipped", "started", "said", "failed", "ended"]
    assert (events[2]["text"], events[3]["seconds"]) == (HOSTILE, 61.2)
    assert (events[4]["outcome"], events[4]["step"]) == ("failed", None)
