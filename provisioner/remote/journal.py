"""The journal that a run keeps on the server, as this side reads it.

One JSON object a line, its kind under "event". The end of a run is known from its last line and from nothing
else: a connection that ends, or an exit code, says nothing about it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["so", "ok", "planned", "failed"]


@dataclass(frozen=True)
class RunBegan:
    """A run is followed from here; `attached` if it was there before this command."""

    run: str
    playbook: str
    tasks: int
    attached: bool


@dataclass(frozen=True)
class TaskBegan:
    number: int
    name: str


@dataclass(frozen=True)
class TaskRetried:
    number: int
    name: str
    attempt: int
    exit: int


@dataclass(frozen=True)
class TaskEnded:
    """`status`: "so" was so already, "ok" was done, "planned" would be done, "failed"; times in seconds."""

    number: int
    name: str
    status: Status
    changed: bool
    seconds: float
    exit: int
    output: str


@dataclass(frozen=True)
class LinkLost:
    """The connection is gone and is being made again; the run goes on."""

    cause: str


@dataclass(frozen=True)
class OtherRun:
    """Something else is still being applied there, begun by a process that is gone; it is waited for."""

    run: str
    playbook: str


Event = RunBegan | OtherRun | TaskBegan | TaskRetried | TaskEnded | LinkLost


@dataclass(frozen=True)
class Report:
    """A run that came to its end: all tasks, and the values that they registered."""

    run: str
    playbook: str
    tasks: tuple[TaskEnded, ...]
    registered: dict[str, str]
    seconds: float

    @property
    def changed(self) -> int:
        """How many tasks changed something (or would)."""
        return sum(task.changed for task in self.tasks)


class Lines:
    """Whole JSON lines out of bytes that come in pieces; what is none (a torn line) is left out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The documents that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            document = _document(line)
            if document is not None:
                yield document


def _document(line: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) and isinstance(document.get("event"), str) else None


@dataclass(frozen=True)
class Ending:
    """The last word about a run: `ok`, or the failed task if it was one, else the cause."""

    ok: bool
    seconds: float = 0
    failed: TaskEnded | None = None
    cause: str = ""


class RunReader:
    """Turns the lines of one run into events, and remembers what its report needs."""

    def __init__(self, run: str, redact: Callable[[str], str]) -> None:
        self.run = run
        self._redact = redact
        self._tasks: list[TaskEnded] = []
        self._registered: dict[str, str] = {}
        self.total = 0
        self.ending: Ending | None = None

    def read(self, line: dict[str, Any]) -> TaskBegan | TaskRetried | TaskEnded | None:
        """The event in this line, if it is one that somebody watches; sets `ending` at the end of the run."""
        match line["event"]:
            case "run":
                self.total = int(line["tasks"])
            case "begin":
                return TaskBegan(line["task"], line["name"])
            case "retry":
                return TaskRetried(line["task"], line["name"], line["attempt"], line["exit"])
            case "end":
                return self._end_of_task(line)
            case "finished":
                self.ending = self._finished(line)
            case "stopped" | "gone" if self.ending is None:
                how = line.get("result") or "no end was written"
                self.ending = Ending(ok=False, cause=f"the run was ended from outside ({how})")
        return None

    def _end_of_task(self, line: dict[str, Any]) -> TaskEnded:
        task = TaskEnded(
            number=line["task"],
            name=line["name"],
            status=line["status"],
            changed=line["changed"],
            seconds=line["seconds"],
            exit=line["exit"],
            output=self._redact(line["output"]),
        )
        self._tasks.append(task)
        if "register" in line:
            self._registered[line["register"]] = self._redact(line["value"])
        return task

    def _finished(self, line: dict[str, Any]) -> Ending:
        failed = next((task for task in self._tasks if task.status == "failed"), None)
        return Ending(
            ok=line["ok"], seconds=line.get("seconds", 0), failed=failed, cause=line.get("cause", "")
        )

    def report(self, playbook: str) -> Report:
        """What the run came to; only once it has ended."""
        seconds = self.ending.seconds if self.ending else 0
        return Report(self.run, playbook, tuple(self._tasks), dict(self._registered), seconds)
