"""Progress on standard error: a live line on a terminal, plain lines elsewhere, or JSON lines."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from provisioner.cli.output.durations import took
from provisioner.cli.output.render import print_json_line
from provisioner.cli.output.terminal import console, err, moves, write_lines
from provisioner.printable import clean
from provisioner.runs.progress import Listener, Progress, event_line, progress_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from provisioner.runs.fleet import JobResult

Ended = Callable[["JobResult"], None]

_STEP_WIDTH = 10
_MARKS = {"done": "✓", "skipped": "✓", "failed": "✗"}
_STYLES = {"done": "green", "skipped": "dim", "failed": "red"}


@contextmanager
def shown(stream: TextIO | None = None) -> Iterator[Listener]:
    """A listener that shows what it hears on `stream` until the block ends."""
    stream = stream or err()
    if not moves(stream):
        yield lambda progress: _print_plainly(progress, stream)
        return
    from rich.live import Live

    screen = console(stream)
    view = _View(screen)
    with Live(get_renderable=view.current, console=screen, refresh_per_second=8, transient=True):
        yield view.hear


@contextmanager
def shown_in_passing(word: str, stream: TextIO | None = None) -> Iterator[Callable[[str], None]]:
    """Shows what is being looked at, after this word; on a terminal it is erased when the block ends."""
    stream = stream or err()
    if not moves(stream):
        yield lambda text: write_lines([text], stream)
        return
    from rich.live import Live

    screen = console(stream)
    view = _View(screen)
    view.hear(Progress("", word, "started"))
    with Live(get_renderable=view.current, console=screen, refresh_per_second=8, transient=True):
        yield lambda text: view.hear(Progress("", word, "said", text))


@contextmanager
def shown_on_terminal(word: str, stream: TextIO | None = None) -> Iterator[Callable[[str], None]]:
    """The same for too many lines to print: shown on a terminal only."""
    stream = stream or err()
    if not moves(stream):
        yield lambda _: None
        return
    with shown_in_passing(word, stream) as say:
        yield say


@contextmanager
def shown_together(total: int, stream: TextIO | None = None) -> Iterator[tuple[Listener, Ended]]:
    """Like `shown` for many customers; with what to call when the run of one has ended."""
    from provisioner.cli.output.job_results import MARKS, outcome_of, style, summary_of

    stream = stream or err()
    if not moves(stream):
        yield (
            lambda progress: _print_plainly(progress, stream),
            lambda job: write_lines([f"{job.who}  {outcome_of(job)}: {summary_of(job)}"], stream),
        )
        return
    from rich.live import Live

    from provisioner.cli.output.live_fleet import FleetView

    def ended(job: "JobResult") -> None:
        outcome = outcome_of(job)
        view.end(job.who, MARKS[outcome], style(outcome), summary_of(job))

    screen = console(stream)
    view = FleetView(screen, total)
    with Live(view, console=screen, refresh_per_second=8, transient=True):
        yield view.hear, ended


def lines(stream: TextIO | None = None) -> tuple[Listener, Ended]:
    """For programs: every event as a JSON line, as in the run logs, and one for the end of each run."""
    from provisioner.cli.output.job_results import outcome_of, summary_of

    stream = stream or err()

    def ended(job: "JobResult") -> None:
        step, seconds = (job.result.step, job.result.seconds) if job.result else (None, 0.0)
        line = event_line(
            who=job.who,
            step=step,
            kind="ended",
            outcome=outcome_of(job),
            text=summary_of(job),
            seconds=round(seconds, 3),
        )
        print_json_line(line, stream)

    return lambda progress: print_json_line(progress_line(progress), stream), ended


class _View:
    """The line of the running step; finished ones are printed above it and stay."""

    def __init__(self, console: "Console") -> None:
        from rich.spinner import Spinner

        self._console = console
        self._spinner = Spinner("dots", style="cyan")
        self._step = ""
        self._text = ""
        self._began = time.monotonic()

    def hear(self, progress: Progress) -> None:
        """Take note of one event."""
        if progress.kind == "started":
            self._step, self._text, self._began = progress.step, "", time.monotonic()
        elif progress.kind in ("said", "waiting"):
            self._text = clean(progress.text)
        else:
            self._step = ""
            self._console.print(_finished(progress))

    def current(self) -> "RenderableType":
        """The current live line."""
        from rich.table import Table
        from rich.text import Text

        if not self._step:
            return ""
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(width=1)
        line.add_column(width=_STEP_WIDTH)
        line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        line.add_column(justify="right", no_wrap=True)
        elapsed = Text(took(time.monotonic() - self._began), style="dim")
        line.add_row(self._spinner, self._step, Text(self._text), elapsed)
        return line


def _finished(progress: Progress) -> "Text":
    from rich.text import Text

    line = Text(f"{_MARKS[progress.kind]} ", style=_STYLES[progress.kind])
    line.append(f"{progress.step:<{_STEP_WIDTH}} ", style="default")
    line.append(_summary(progress), style="dim")
    return line


def _summary(progress: Progress) -> str:
    if progress.kind == "skipped":
        return "done before"
    return took(progress.seconds) + (f"  {clean(progress.text)}" if progress.text else "")


def _print_plainly(progress: Progress, stream: TextIO) -> None:
    if progress.kind in ("done", "failed"):
        ending = f": {progress.text}" if progress.text else ""
        text = f"{progress.kind} after {took(progress.seconds)}{ending}"
    elif progress.kind == "skipped":
        text = "done before"
    else:
        text = progress.text or progress.kind
    write_lines([f"{progress.who}  {progress.step:<{_STEP_WIDTH}} {text}"], stream)
