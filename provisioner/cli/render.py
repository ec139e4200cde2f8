"""The one renderer: what commands found, for people or as JSON.

Answers go to standard output; messages about what was done, and errors, to standard error.
"""

import contextlib
import json
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from shutil import get_terminal_size
from typing import Any, TextIO

from provisioner.errors import ProvisionerError
from provisioner.secrets import Redactor

JSON_VERSION = 1

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
# What a terminal would act on instead of showing it, the directions of text too.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STYLE = re.compile("\x1b\\[[0-9;]*m")
_NOTHING = "-"
_GAP = 2
_LAST_AT_LEAST = 12
_EVENT_WIDTH = 20


def print_json(kind: str, **content: object) -> None:
    """The one document of a `--json` answer: `version`, `kind`, and what this kind has."""
    print(_as_json({"version": JSON_VERSION, "kind": kind, **content}))


def print_schema(schema: Mapping[str, Any]) -> None:
    """A JSON Schema as it is: its reader is an editor, which wants no envelope."""
    print(json.dumps(schema, indent=2))


def print_error(error: ProvisionerError, stream: TextIO | None = None) -> None:
    """What failed, why, and what to do, as one short block."""
    stream = stream or sys.stderr
    whom = f" for {error.whom}" if error.whom else ""
    # A secret typed into the wrong place would otherwise come back in the refusal.
    redact = Redactor()
    print_block(f"{styled('error', 'red', stream)}: ", redact(f"could not {error.doing}{whom}"), stream)
    if error.cause:
        print_block("  ", redact(error.cause), stream)
    for line in redact(error.hint or "").splitlines():
        print_block(f"  {styled('→', 'cyan', stream)} ", line, stream)


def print_block(first: str, text: str, stream: TextIO) -> None:
    """One paragraph of a message, behind `first`; on a terminal it goes on below itself."""
    columns, taken = _columns(stream), width(_STYLE.sub("", first))
    indent = 4 if "→" in first else 2
    if columns is None:
        lines = [first + clean(text)]
    elif columns - taken < _LAST_AT_LEAST:
        lines = [first.rstrip(), *_wrap(clean(text), columns, indent, indent)]
    else:
        lines = _wrap(clean(text), columns, taken, indent) or [""]
        lines[0] = first + lines[0].lstrip()
    print(_fitted("\n".join(lines), stream), file=stream)


def error_document(error: ProvisionerError) -> dict[str, object]:
    """An error as a part of a JSON document."""
    return {
        "doing": error.doing,
        "whom": error.whom,
        "cause": error.cause,
        "detail": error.detail,
        "hint": error.hint,
        "retry": error.retry,
        "exitCode": error.exit_code,
    }


def say(text: str) -> None:
    """A message about what was done."""
    print(_fitted(text, sys.stderr), file=sys.stderr)


def print_line(text: str = "") -> None:
    """One line of an answer."""
    print(_fitted(text, sys.stdout))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], styles: Mapping[str, str]) -> None:
    """Columns under a header; `styles` maps a cell's whole text to a style.

    On a terminal the second column gives way where the row would be too wide, and what does not fit into
    the last one stands below. Elsewhere nothing is cut.
    """
    cells = [[clean(cell) or _NOTHING for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(header, *cells, strict=True)]
    columns = _columns(sys.stdout)
    if columns is None:
        styles = {}
    else:
        others = sum(widths[:1] + widths[2:-1]) + _GAP * (len(widths) - 1)
        widths[1] = max(min(widths[1], columns - others - _LAST_AT_LEAST), len(header[1]))
    lines = [_row(header, widths, columns, dict.fromkeys(header if columns else (), "bold"))]
    lines += [_row(row, widths, columns, styles) for row in cells]
    sys.stdout.write("\n".join(lines) + "\n")


def print_finding(file: str, problem: str, fixed: str | None) -> None:
    """Something wrong with a file, and below it what was done about it."""
    mark = styled("✓", "green", sys.stdout) if fixed else styled("✗", "red", sys.stdout)
    print_line(f"{mark} {clean(file)}")
    print_wrapped("  ", problem, 2)
    if fixed:
        print_wrapped("  ", fixed, 2)


def print_document(data: Mapping[str, Any], indent: int = 0) -> None:
    """A record's fields under their own names, as `update` knows them; lists of entries one line each."""
    names = [name for name, value in data.items() if not isinstance(value, dict | list)]
    column = max((width(name) for name in names), default=0)
    for name, value in data.items():
        label = " " * indent + styled(
            clean(name), "bold" if isinstance(value, dict | list) else "dim", sys.stdout
        )
        if isinstance(value, dict):
            print_line(label)
            print_document(value, indent + 2)
        elif isinstance(value, list):
            _print_list(label, value, indent + 2)
        else:
            padding = " " * (column - width(name) + 2)
            print_wrapped(f"{label}{padding}", _scalar(value), indent + column + 2)


def print_entry(entry: object, indent: int = 0) -> None:
    """One note, event, or member of any other list."""
    if not isinstance(entry, dict):
        print_wrapped(" " * indent, _scalar(entry), indent)
        return
    rest = dict(entry)
    moment, event = clean(str(rest.pop("timestamp", ""))), clean(str(rest.pop("event", "")))
    text = rest.pop("details" if event else "note", None)
    words = [] if text is None else [_scalar(text)]
    words += [f"{name}={_scalar(value)}" for name, value in rest.items()]
    plain = f"{moment}  " * bool(moment) + f"{event:<{_EVENT_WIDTH}}  " * bool(event)
    first = " " * indent + styled(plain[: len(moment)], "dim", sys.stdout) + plain[len(moment) :]
    print_wrapped(first, " ".join(words), indent + width(plain))


def print_wrapped(first: str, text: str, indent: int) -> None:
    """Text behind `first`, which is `indent` wide; what does not fit goes on below itself."""
    stream = sys.stdout
    columns = _columns(stream)
    cleaned = clean(text)
    if columns is None or columns - indent < 20 or width(cleaned) <= columns - indent:
        print_line(first + cleaned)
        return
    lines = _wrap(cleaned, columns - indent)
    print_line(first + f"\n{' ' * indent}".join(lines))


def clean(text: str) -> str:
    """The text in one line, with nothing in it that a terminal would act on."""
    return text if text.isascii() and text.isprintable() else _CONTROL.sub(" ", text)


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def styled(text: str, style: str, stream: TextIO) -> str:
    """The text in a style, where the stream is a terminal that shows it."""
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def _row(row: Sequence[str], widths: Sequence[int], columns: int | None, styles: Mapping[str, str]) -> str:
    *first, last = row
    line = (" " * _GAP).join(_cell(cell, size, styles) for cell, size in zip(first, widths, strict=False))
    taken = sum(widths[:-1]) + _GAP * (len(widths) - 1)
    if columns is None or taken + width(last) <= columns:
        return f"{line}{' ' * _GAP}{_styled_cell(last, styles)}".rstrip()
    below = " " * (widths[0] + _GAP)
    return "\n".join([line.rstrip(), *(f"{below}{part}" for part in _wrap(last, columns - len(below)))])


def _cell(text: str, size: int, styles: Mapping[str, str]) -> str:
    shown = _cut(text, size)
    return _styled_cell(shown, styles) + " " * (size - width(shown))


def _styled_cell(cell: str, styles: Mapping[str, str]) -> str:
    style = styles.get(cell)
    return styled(cell, style, sys.stdout) if style else cell


def _cut(text: str, room: int) -> str:
    if width(text) <= room:
        return text
    while width(text) >= room:
        text = text[:-1]
    return f"{text}…"


def _wrap(text: str, room: int, first: int = 0, indent: int = 0) -> list[str]:
    """Lines that can be copied: an address or a link is broken only where it is longer than a line.

    The first one begins with so many blanks, each other one with `indent`.
    """
    return textwrap.wrap(
        text,
        max(room, 20),
        break_on_hyphens=False,
        initial_indent=" " * first,
        subsequent_indent=" " * indent,
    )


def _columns(stream: TextIO) -> int | None:
    """The terminal's width; None where the stream is none, and nothing is cut."""
    return get_terminal_size().columns if stream.isatty() else None


def _print_list(label: str, entries: Sequence[Any], indent: int) -> None:
    print_line(label if entries else f"{label}  {_NOTHING}")
    for entry in entries:
        print_entry(entry, indent)


def _scalar(value: object) -> str:
    if value is None or value == "":
        return _NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fitted(text: str, stream: TextIO) -> str:
    """The text with what the stream cannot carry replaced."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _as_json(document: Mapping[str, object]) -> str:
    from pydantic_core import to_json

    if _is_unicode(sys.stdout):
        # Five times as fast as the standard library, which matters with thousands of customers.
        with contextlib.suppress(UnicodeEncodeError, ValueError):
            return to_json(document, indent=2).decode()
    return json.dumps(document, indent=2)


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"
