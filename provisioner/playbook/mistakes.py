"""What is wrong with a playbook, and the one place where file, line and task are added to it.

The code that checks and renders raises a `Mistake`; `located` stands around it where a playbook is loaded or
rendered, and turns it into the PlaybookError that its author reads.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import PlaybookError


class Mistake(Exception):
    """What is wrong: the cause, the word of the task whose text it is in, and the line in that text.

    Lines are counted from 1; outside of a task they are the file's, None if there is none to name.
    """

    def __init__(self, cause: str, *, word: str = "", line: int | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.word = word
        self.line = line


@dataclass(frozen=True)
class Place:
    """Where a task stands: its name, its first line, and the line where each word's text begins.

    The line of a word itself stands under the word with a colon ("dest:").
    """

    name: str | None
    line: int
    words: Mapping[str, int]


@dataclass
class Spot:
    """What is being looked at: a task, or the playbook's head; None for the file as a whole."""

    place: Place | None = None


@contextmanager
def located(path: Path) -> Iterator[Spot]:
    """Raises the PlaybookError that names file, line and task for a Mistake made inside.

    What is inside keeps the `Spot` that it gets up to date.
    """
    spot = Spot()
    try:
        yield spot
    except Mistake as mistake:
        line, place = mistake.line, spot.place
        if place is not None:
            line = place.words.get(mistake.word, place.line) + (line or 1) - 1
        where = str(path)
        where += f", line {line}" if line else ""
        where += f", task “{place.name}”" if place and place.name else ""
        raise PlaybookError(
            "use the playbook", whom=where, cause=mistake.cause, hint="playbooks/README.md explains the words"
        ) from None
