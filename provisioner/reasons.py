"""Why a task failed, in one line: found in what it printed."""

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_NAMES: Final = ("error", "message", "lastError", "reason", "detail", "cause", "title", "kind")
"""Under which programs say in JSON what went wrong, the most telling first."""
_STATED: Final = re.compile(rf'"({"|".join(_NAMES)})"\s*:\s*"((?:[^"\\]|\\["\\/bfnrt])+)"')
_POINTERS: Final = re.compile(r"complete log of this run can be found|^\s+at \S|^\s*Node\.js v\d")
"""Last words that only say where else to look."""
_THROWN: Final = re.compile(r"^(?:Uncaught )?\w*(?:Error|Exception)(?: \[\w+\])?: ")
_FRAME: Final = re.compile(r"^\s+at \S")
_DISK_FULL: Final = re.compile(
    r"No space left on device|\bENOSPC\b|[Dd]isk quota exceeded|is the disk full\?|journal cannot be written"
)
_DEEPEST: Final = 8
_LONGEST: Final = 600

DISK_FULL_HINT: Final = (
    "the server's disk is full: look there with df -h / and du -xhd2 /home /var; what can always go:"
    " apt-get clean, journalctl --vacuum-size=100M, rm -rf /home/openclaw/.npm/_cacache,"
    " old runs in /var/lib/provisioner/runs;"
    " then run the same command again"
)


def reason_in(output: str) -> str | None:
    """The line of a failed program's last words that says why; None if there are none.

    A program that ends with JSON, over one line or several, has said it in there; otherwise it is the last
    line that has words and does not just point elsewhere.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    found = _stated_in(lines) or _last_words(lines)
    return _shortened(found) if found else None


def says_disk_full(text: str) -> bool:
    """Whether these words come from a disk that is full."""
    return bool(_DISK_FULL.search(text))


def _last_words(lines: Sequence[str]) -> str | None:
    if any(map(_FRAME.search, lines)) and (thrown := [line for line in lines if _THROWN.search(line)]):
        return thrown[-1]
    with_words = [line for line in lines if _WORD.search(line)] or list(lines)
    telling = [line for line in with_words if not _POINTERS.search(line)] or with_words
    return telling[-1] if telling else None


def _stated_in(lines: Sequence[str]) -> str | None:
    """What the JSON at the end says; None if the end is no JSON, or says nothing in words."""
    if not lines or lines[-1].strip()[-1] not in "}]":
        return None
    for start in range(len(lines) - 1, -1, -1):
        # What is indented is a part of something: the outermost one is the program's word.
        if lines[start][0] in "{[":
            with contextlib.suppress(ValueError, RecursionError):
                document = json.loads("\n".join(lines[start:]))
                return next(_statements(document, _DEEPEST), None)
    return _stated_in_part(lines)


def _stated_in_part(lines: Sequence[str]) -> str | None:
    """The same for JSON whose beginning is cut off."""
    stated = [found for line in lines for found in _STATED.finditer(line)]
    if not stated:
        return None
    return str(json.loads(f'"{min(stated, key=lambda found: _NAMES.index(found[1]))[2]}"', strict=False))


def _statements(value: Any, deepest: int) -> Iterator[str]:
    """The texts under the telling names, those nearest to the outside first."""
    if deepest == 0:
        return
    if isinstance(value, list):
        for item in value:
            yield from _statements(item, deepest - 1)
    if not isinstance(value, dict):
        return
    for name in _NAMES:
        stated = value.get(name)
        if isinstance(stated, str) and _WORD.search(stated):
            yield stated
    for inner in (*(value.get(name) for name in _NAMES), *value.values()):
        if isinstance(inner, dict | list):
            yield from _statements(inner, deepest - 1)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
