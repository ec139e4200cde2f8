"""Progress of many runs: one live line for each; those that have ended are printed above and stay."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.cli.output.durations import took
from provisioner.printable import clean
from provisioner.runs.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table
    from rich.text import Text

_STEP_WIDTH = 9
_TIME_WIDTH = 7
_LEAST_LINES = 3


@dataclass
class _Line:
    """What one customer's line says."""

    step: str = ""
    text: str = ""
    began: float = field(default_factory=time.monotonic)


class FleetView:
    """The lines of the running customers, fitted to the terminal at each refresh."""

    def __init__(self, console: "Console", total: int) -> None:
        from rich.spinner import Spinner

        self._console = console
        self._total = total
        self._ended = 0
        self._spinner = Spinner("dots", style="cyan")
        self._lines: dict[str, _Line] = {}

    def hear(self, progress: Progress) -> None:
        """Take note of one event."""
        line = self._lines.setdefault(progress.who, _Line())
        if progress.kind in ("started", "skipped"):
            line.step, line.text = progress.step, ""
        elif progress.kind in ("said", "waiting"):
            line.text = progress.text

    def end(self, who: str, mark: str, style: str, text: str) -> None:
        """A customer's run has ended; its result stays above the live lines."""
        from rich.text import Text

        self._lines.pop(who, None)
        self._ended += 1
        self._console.print(Text.assemble((f"{mark} ", style), clean(who), (f"  {clean(text)}", "dim")))

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        room = max(console.size.height - 3, _LEAST_LINES)
        lines = list(self._lines.items())
        shown = lines if len(lines) <= room else lines[: room - 1]
        yield self._table(shown, options.max_width)
        if len(shown) < len(lines):
            yield self._dim(f"  and {len(lines) - len(shown)} more")
        yield self._dim(f"{self._ended} of {self._total} ended, {len(lines)} at work")

    def _table(self, lines: list[tuple[str, _Line]], columns: int) -> "Table":
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        # An address of middle length is whole at 80 columns, and the task keeps half of the line.
        table.add_column(max_width=max(20, columns * 3 // 10), no_wrap=True, overflow="ellipsis")
        table.add_column(width=_STEP_WIDTH, no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(min_width=_TIME_WIDTH, justify="right", no_wrap=True)
        now = time.monotonic()
        for who, line in lines:
            elapsed = Text(took(now - line.began), style="dim")
            table.add_row(self._spinner, Text(clean(who)), line.step, Text(clean(line.text)), elapsed)
        return table

    def _dim(self, text: str) -> "Text":
        from rich.text import Text

        return Text(text, style="dim", no_wrap=True, overflow="ellipsis")
