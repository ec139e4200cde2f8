"""The standard streams: nothing else in the command line writes to them.

All output is cleaned of control characters here, and styled after that. So no text from a server, a service
or a record can act on a terminal.
"""

import contextlib
import errno
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from shutil import get_terminal_size
from typing import TYPE_CHECKING, TextIO

from provisioner.errors import ProvisionerError
from provisioner.printable import clean, clean_lines

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_CLEAR = "\x1b[H\x1b[2J"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_WRAPPED_AT_ONCE = 10_000
_LEAST_COLUMNS = 20
_BROKEN_PIPE = 1


class Text:
    """Text with styles; plain in an f-string, since only the stream knows whether styles are shown."""

    __slots__ = ("parts",)

    def __init__(self, *parts: "str | Text | tuple[str, str]") -> None:
        self.parts: tuple[tuple[str, str], ...] = tuple(one for part in parts for one in _parts(part))

    def __add__(self, other: "str | Text") -> "Text":
        return Text(self, other)

    def __radd__(self, other: str) -> "Text":
        return Text(other, self)

    def __str__(self) -> str:
        return "".join(words for words, _ in self.parts)


def _parts(part: str | Text | tuple[str, str]) -> tuple[tuple[str, str], ...]:
    if isinstance(part, Text):
        return part.parts
    return ((part, ""),) if isinstance(part, str) else (part,)


def styled(text: str, style: str) -> Text:
    """The text in a style, for where the stream is a terminal that shows it."""
    return Text((text, style))


def out() -> TextIO:
    """Where answers go."""
    return sys.stdout


def err() -> TextIO:
    """Where messages about what is done go, and errors."""
    return sys.stderr


def write_lines(lines: Iterable[str | Text], stream: TextIO) -> None:
    """Write each as one line, whatever it contains."""
    colours = _shows_styles(stream)
    _send("".join(f"{_shown(line, colours)}\n" for line in lines), stream)


def write_text(text: str, stream: TextIO) -> None:
    """A text with its own line ends and tabs."""
    _send(clean_lines(text), stream)


def clear_screen(stream: TextIO) -> None:
    """Clear the screen, on a terminal."""
    if moves(stream):
        _send(_CLEAR, stream)


def console(stream: TextIO) -> "Console":
    """The console for live views, which cleans everything that it draws."""
    from rich.console import Console
    from rich.segment import Segment

    class CleanConsole(Console):
        def render(
            self, renderable: "RenderableType", options: "ConsoleOptions | None" = None
        ) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(clean_lines(segment.text), segment.style)

    return CleanConsole(file=stream, highlight=False, markup=False)


def moves(stream: TextIO) -> bool:
    """Whether the stream can be redrawn."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def columns(stream: TextIO) -> int | None:
    """The terminal's width; None if the stream is not a terminal, and nothing is cut."""
    return max(get_terminal_size().columns, _LEAST_COLUMNS) if stream.isatty() else None


def cut(text: str, room: int) -> str:
    """The text with its end replaced by `…` where it is wider than `room`."""
    if width(text) <= room:
        return text
    # Characters may have no width; more of them than this are no words.
    shown = text[: 4 * room]
    while shown and width(shown) >= room:
        shown = shown[:-1]
    return f"{shown}…"


def wrap(text: str, room: int, first: int = 0, indent: int = 0) -> list[str]:
    """Wrap into lines; an address or a link is broken only if it is longer than a line.

    The first line is indented by `first`, each other one by `indent`.
    """
    lines: list[str] = []
    for part in _short_parts(clean(text)):
        lines += textwrap.wrap(
            part,
            max(room, _LEAST_COLUMNS),
            break_on_hyphens=False,
            initial_indent=" " * (indent if lines else first),
            subsequent_indent=" " * indent,
        )
    return lines


def _short_parts(text: str) -> Iterator[str]:
    """The text in parts that end at blanks, if there are any: `textwrap` takes quadratic time."""
    begin = 0
    while begin < len(text):
        end = begin + _WRAPPED_AT_ONCE
        if end < len(text):
            blank = text.rfind(" ", begin, end)
            end = blank if blank > begin else end
        yield text[begin:end]
        begin = end


def open_streams() -> None:
    """Open /dev/null for each standard stream that was closed when the process started.

    Otherwise the next file that is opened would get its number, and with it the output.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            _lead_nowhere(number)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def is_full(problem: Exception) -> bool:
    """Whether this is a full standard output, as typer meets it when it prints help."""
    return isinstance(problem, OSError) and problem.errno in _FULL and problem.filename is None


def finish(code: int) -> int:
    """Flush; the exit code, which is not 0 if the reader is gone."""
    try:
        with _explained():
            sys.stdout.flush()
    except BrokenPipeError:
        hush()
        return code or _BROKEN_PIPE
    return code


def hush() -> None:
    """Ignore a broken pipe: whatever is still written goes to /dev/null."""
    for number in (1, 2):
        _lead_nowhere(number)


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def _shown(line: str | Text, colours: bool) -> str:
    if isinstance(line, str) or not colours:
        return clean(str(line)).rstrip()
    return "".join(_painted(clean(words), style) for words, style in line.parts).rstrip()


def _painted(words: str, style: str) -> str:
    return f"\x1b[{_CODES[style]}m{words}\x1b[0m" if style else words


def _shows_styles(stream: TextIO) -> bool:
    return moves(stream) and not os.environ.get("NO_COLOR")


def _send(text: str, stream: TextIO) -> None:
    """BrokenPipeError if the reader is gone. A full disk loses messages, but is an error for answers."""
    encoding = stream.encoding or "utf-8"
    fitted = text.encode(encoding, "replace").decode(encoding)
    if stream is not sys.stderr:
        with _explained():
            stream.write(fitted)
        return
    # Keeps both in order if they go to the same file; a failure there is noticed at the end.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    try:
        stream.write(fitted)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError:
        return


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as problem:
        # Otherwise the buffer would be written again at the end, and fail again.
        _lead_nowhere(1)
        raise ProvisionerError("write the answer", cause=problem) from None
