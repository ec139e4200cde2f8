"""The one renderer: prints results for people or as JSON.

Answers go to standard output; messages about what was done, and errors, to standard error.
"""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from provisioner.cli.output.redaction import known_redactor
from provisioner.cli.output.result import (
    Block,
    Entry,
    Failure,
    Fields,
    Message,
    Paragraph,
    Response,
    Table,
    Verbatim,
    Wrapped,
)
from provisioner.cli.output.terminal import (
    Text,
    clear_screen,
    columns,
    cut,
    err,
    out,
    styled,
    width,
    wrap,
    write_lines,
    write_text,
)
from provisioner.errors import ProvisionerError
from provisioner.printable import clean, clean_json

if TYPE_CHECKING:
    from provisioner.secrets import Redactor

__all__ = ["Text", "clean", "styled", "width"]

JSON_VERSION = 1

_NOTHING = "-"
_GAP = 2
_LAST_AT_LEAST = 12
_EVENT_WIDTH = 20


def respond(response: Response) -> int:
    """Print what a command returned, as it was asked for; its exit code."""
    result = response.result
    if response.as_json:
        print_json(result.kind, **result.document())
    else:
        print_blocks(result.blocks())
    return result.exit_code


def print_blocks(blocks: Iterable[Block]) -> None:
    """An answer for people."""
    for block in blocks:
        _print_block(block)


def _print_block(block: Block) -> None:
    match block:
        case str() | Text():
            print_line(block)
        case Wrapped(first, text, indent):
            print_wrapped(first, text, indent)
        case Table(header, rows, styles):
            print_table(header, rows, styles)
        case Fields(data):
            print_document(data)
        case Entry(entry):
            print_entry(entry)
        case Verbatim(text):
            print_text(text)
        case Message(text):
            say(text)
        case Paragraph(first, text):
            print_paragraph(first, text)
        case Failure(error, redact):
            print_error(error, redact=redact)


def print_json(kind: str, **content: object) -> None:
    """Print the document of a `--json` answer: `version`, `kind`, and the content of this kind."""
    _print_as_it_is(_as_json({"version": JSON_VERSION, "kind": kind, **content}))


def print_json_line(line: str, stream: TextIO | None = None) -> None:
    """Print one event for programs, given as a line of JSON."""
    write_text(f"{clean_json(line)}\n", stream or out())
    (stream or out()).flush()


def print_error(
    error: ProvisionerError, stream: TextIO | None = None, redact: "Redactor | None" = None
) -> None:
    """Print what failed, why, and what to do, as one short block."""
    stream = stream or err()
    whom = f" for {error.whom}" if error.whom else ""
    # A secret typed into the wrong place would otherwise come back in the refusal.
    redact = redact or known_redactor()
    print_paragraph(styled("error", "red") + ": ", redact(f"could not {error.doing}{whom}"), stream)
    if error.cause:
        print_paragraph("  ", redact(error.cause), stream)
    for line in redact(error.hint or "").splitlines():
        print_paragraph("  " + styled("→", "cyan") + " ", line, stream)


def print_paragraph(first: str | Text, text: str, stream: TextIO | None = None) -> None:
    """Print one paragraph of a message after `first`, wrapped on a terminal."""
    stream = stream or err()
    room, taken = columns(stream), width(clean(str(first)))
    indent = 4 if "→" in str(first) else 2
    if room is None:
        lines: list[str | Text] = [first + clean(text)]
    elif room - taken < _LAST_AT_LEAST:
        lines = [first, *wrap(text, room, indent, indent)]
    else:
        head, *rest = wrap(text, room, taken, indent) or [""]
        lines = [first + head.lstrip(), *rest]
    write_lines(lines, stream)


def say(text: str | Text) -> None:
    """Print a message about what was done, in one line."""
    write_lines([text], err())


def say_lines(text: str) -> None:
    """Print a message of several lines, unchanged at its end."""
    write_text(text, err())


def print_line(text: str | Text = "") -> None:
    """Print one line of an answer."""
    write_lines([text], out())


def print_text(text: str) -> None:
    """Print an answer of several lines, unchanged at its end."""
    write_text(text, out())


def flush() -> None:
    """Flush, before another process prints."""
    write_text("", err())


def begin_anew() -> None:
    """Clear the terminal, to redraw what is on it."""
    clear_screen(out())


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return out().isatty()


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], styles: Mapping[str, str]) -> None:
    """Print columns under a header; `styles` maps a cell's whole text to a style.

    On a terminal the second column shrinks if the row would be too wide, and the last one wraps below.
    Elsewhere nothing is cut.
    """
    cells = [[clean(cell) or _NOTHING for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(header, *cells, strict=True)]
    room = columns(out())
    if room is None:
        write_lines([_plain_row(row, widths) for row in (header, *cells)], out())
        return
    others = sum(widths[:1] + widths[2:-1]) + _GAP * (len(widths) - 1)
    widths[1] = max(min(widths[1], room - others - _LAST_AT_LEAST), len(header[1]))
    lines = _row(header, widths, room, dict.fromkeys(header, "bold"))
    for row in cells:
        lines += _row(row, widths, room, styles)
    write_lines(lines, out())


def _plain_row(row: Sequence[str], widths: Sequence[int]) -> str:
    gap = " " * _GAP
    return gap.join([cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True)])


def print_document(data: Mapping[str, Any], indent: int = 0) -> None:
    """Print a record's fields under the names that `update` knows; lists with one entry a line."""
    names = [name for name, value in data.items() if not isinstance(value, dict | list)]
    column = max((width(name) for name in names), default=0)
    for name, value in data.items():
        label = " " * indent + styled(name, "bold" if isinstance(value, dict | list) else "dim")
        if isinstance(value, dict):
            print_line(label)
            print_document(value, indent + 2)
        elif isinstance(value, list):
            _print_list(label, value, indent + 2)
        else:
            padding = " " * (column - width(name) + 2)
            print_wrapped(label + padding, _scalar(value), indent + column + 2)


def print_entry(entry: object, indent: int = 0) -> None:
    """Print one note, event, or member of any other list."""
    if not isinstance(entry, dict):
        print_wrapped(" " * indent, _scalar(entry), indent)
        return
    rest = dict(entry)
    moment, event = clean(str(rest.pop("timestamp", ""))), clean(str(rest.pop("event", "")))
    text = rest.pop("details" if event else "note", None)
    words = [] if text is None else [_scalar(text)]
    words += [f"{name}={_scalar(value)}" for name, value in rest.items()]
    plain = f"{moment}  " * bool(moment) + f"{event:<{_EVENT_WIDTH}}  " * bool(event)
    first = " " * indent + styled(plain[: len(moment)], "dim") + plain[len(moment) :]
    print_wrapped(first, " ".join(words), indent + width(plain))


def print_wrapped(first: str | Text, text: str, indent: int) -> None:
    """Print text after `first`, which is `indent` columns wide; what does not fit wraps below the text."""
    room, cleaned = columns(out()), clean(text)
    if room is None or room - indent < 20 or width(cleaned) <= room - indent:
        print_line(first + cleaned)
        return
    head, *rest = wrap(cleaned, room - indent) or [""]
    write_lines([first + head, *(" " * indent + line for line in rest)], out())


def _row(row: Sequence[str], widths: Sequence[int], room: int, styles: Mapping[str, str]) -> list[str | Text]:
    *first, last = row
    line: str | Text = ""
    for cell, size in zip(first, widths, strict=False):
        shown = cut(cell, size)
        padding = " " * (size - width(shown) + _GAP)
        line = line + _styled_cell(shown, styles) + padding
    taken = sum(widths[:-1]) + _GAP * (len(widths) - 1)
    if taken + width(last) <= room:
        return [line + _styled_cell(last, styles)]
    below = " " * (widths[0] + _GAP)
    return [line, *(f"{below}{part}" for part in wrap(last, room - len(below)))]


def _styled_cell(cell: str, styles: Mapping[str, str]) -> str | Text:
    style = styles.get(cell)
    return styled(cell, style) if style else cell


def _print_list(label: str | Text, entries: Sequence[Any], indent: int) -> None:
    print_line(label if entries else label + f"  {_NOTHING}")
    for entry in entries:
        print_entry(entry, indent)


def _scalar(value: object) -> str:
    if value is None or value == "":
        return _NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _print_as_it_is(document: str) -> None:
    write_text(f"{clean_json(document)}\n", out())


def _as_json(document: Mapping[str, object]) -> str:
    from msgspec import json as fast_json

    if _is_unicode(out()):
        # Several times as fast as the standard library, which knows larger numbers and half surrogate pairs.
        with contextlib.suppress(UnicodeEncodeError, ValueError, OverflowError):
            return fast_json.format(fast_json.encode(document), indent=2).decode()
    return json.dumps(document, indent=2)


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"
