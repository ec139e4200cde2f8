"""What a command returns: a frozen result. `render` prints it for people, or as one JSON document.

A result describes its answer in blocks and never prints. Only what happens while a command is still at work
(progress, warnings) is said at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.cli.output.terminal import Text
from provisioner.errors import ProvisionerError

if TYPE_CHECKING:
    from provisioner.secrets import Redactor


@dataclass(frozen=True)
class Wrapped:
    """A line of the answer. What does not fit the terminal continues below, `indent` columns in."""

    first: str | Text
    text: str
    indent: int


@dataclass(frozen=True)
class Table:
    """Rows under a header; `styles` maps a cell's whole text to a style."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    styles: Mapping[str, str]


@dataclass(frozen=True)
class Fields:
    """A record's fields under their own names."""

    data: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One note or event, or a member of any other list."""

    entry: object


@dataclass(frozen=True)
class Verbatim:
    """A text of several lines, which ends as it is given."""

    text: str


@dataclass(frozen=True)
class Message:
    """A line about what was done, on standard error."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """The same, broken at words on a terminal."""

    first: str | Text
    text: str


@dataclass(frozen=True)
class Failure:
    """An error, as one short block on standard error."""

    error: ProvisionerError
    redact: "Redactor | None" = None


Block = str | Text | Wrapped | Table | Fields | Entry | Verbatim | Message | Paragraph | Failure
"""A part of an answer for people; a plain string or text is one line on standard output."""


class Result(ABC):
    """What a command found or did.

    `kind` names the JSON document. A command with no `--json` has neither kind nor document.
    """

    kind: str = ""

    @property
    def exit_code(self) -> int:
        return 0

    @abstractmethod
    def blocks(self) -> Iterable[Block]:
        """The answer for people."""

    def document(self) -> Mapping[str, object]:
        """The content of the JSON document."""
        raise NotImplementedError


@dataclass(frozen=True)
class Told(Result):
    """A result that is nothing but its lines."""

    told: Sequence[Block]

    def blocks(self) -> Iterable[Block]:
        return self.told


@dataclass(frozen=True)
class Answer(Told):
    """The same with a JSON document of this kind."""

    content: Mapping[str, object]
    kind: str

    def document(self) -> Mapping[str, object]:
        return self.content


@dataclass(frozen=True)
class Response:
    """A result, and whether it was asked for as JSON."""

    result: Result
    as_json: bool = False


def done(*lines: str) -> Response:
    """The response of a command that changed something: what it did, and what comes next."""
    return Response(Told([Message(line) for line in lines]))
