"""The journal that a run keeps on the server, as this side reads it.

One JSON object a line, its kind under "event". The end of a run is known from its last line and from nothing
else: a connection that ends, or an exit code, says nothing about it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from provisioner.errors import RemoteError
from provisioner.ssh.json_answers import Kinds, load_json, misfit, unfit

Status = Literal["so", "ok", "planned", "failed"]

_STATUSES: Final = get_args(Status)
RUN_ID: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.+-]{0,199}")
"""What the ids of runs look like, which are names of folders too."""

_NUMBER: Final = (int, float)
_NUMBERS: Final = frozenset({"task", "tasks", "attempt", "exit", "seconds", "at"})
_LARGEST: Final = 1e12
_DEPTH: Final = 4
# What run.bash exits with, in systemd's words, when it cannot write (EX_IOERR).
_NO_JOURNAL: Final = "74"
# One task's last bytes and its registered value, both at their limits and with every character escaped, fit.
_LONGEST_LINE: Final = 1 << 20
_MOST_LINES: Final = 100_000
# More than a server of ours keeps of a task's output for its journal.
_LONGEST_OUTPUT: Final = 8000

# The fields that are read, of every kind of line that a run or its starter writes.
_FIELDS: Final[Mapping[str, Mapping[str, Kinds]]] = {
    "refused": {"cause": str},
    "started": {"run": str, "playbook": str},
    "attached": {"run": str, "playbook": str},
    "ended": {"run": str, "playbook": str},
    "other": {"run": str, "playbook": str},
    "run": {"run": str, "playbook": str, "tasks": int},
    "begin": {"task": int, "name": str},
    "retry": {"task": int, "name": str, "attempt": int, "exit": int},
    "end": {
        "task": int,
        "name": str,
        "status": str,
        "changed": bool,
        "seconds": _NUMBER,
        "exit": int,
        "output": str,
    },
    "finished": {"ok": bool},
    "stopped": {},
    "gone": {},
}
_OPTIONAL: Final[Mapping[str, Kinds]] = {
    "register": str,
    "value": str,
    "seconds": _NUMBER,
    "cause": str,
    "result": str,
    "mode": str,
    "at": _NUMBER,
}


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
    """Whole JSON lines out of bytes that come in pieces; what is none (a torn line) is left out.

    What comes out has the fields of its kind of line; RemoteError about `whom` where no run of ours could
    have written it, or where lines have no end.
    """

    def __init__(self, whom: str) -> None:
        self._whom = whom
        self._rest = b""
        self._count = 0

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The documents that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._count += len(lines)
        if self._count > _MOST_LINES or len(self._rest) > _LONGEST_LINE:
            raise self._unfit("it has no end")
        for line in lines:
            document = self._document(line)
            if document is not None:
                yield document

    def _document(self, line: bytes) -> dict[str, Any] | None:
        if not line.lstrip().startswith(b"{"):
            return None
        if len(line) > _LONGEST_LINE:
            raise self._unfit(f"a line has {len(line)} bytes")
        try:
            document = load_json(line.decode("utf-8", "replace"), most=_LONGEST_LINE, depth=_DEPTH)
        except json.JSONDecodeError:
            return None
        except ValueError as problem:
            raise self._unfit(str(problem)) from None
        event = document.get("event")
        if not isinstance(event, str) or event not in _FIELDS:
            return None
        if wrong := _misfit(event, document):
            raise self._unfit(f"in a line “{event}”, {wrong}")
        return document  # type: ignore[no-any-return]

    def _unfit(self, cause: str) -> RemoteError:
        return unfit("read the journal of a run", self._whom, f"what the server sends is no journal: {cause}")


def _misfit(event: str, document: dict[str, Any]) -> str | None:
    """Why a run of ours cannot have written it."""
    there = {name: kinds for name, kinds in _OPTIONAL.items() if name in document}
    paired = {"value": str} if "register" in document else {}
    if wrong := misfit(document, {**_FIELDS[event], **there, **paired}):
        return wrong
    if event == "end" and document["status"] not in _STATUSES:
        return "there is no such status"
    if not RUN_ID.fullmatch(document.get("run", "r")):
        return "“run” is no run's id"
    for name in _NUMBERS & document.keys():
        if not 0 <= document[name] < _LARGEST:
            return f"“{name}” cannot be that"
    return None


@dataclass(frozen=True)
class Ending:
    """The last word about a run: `ok`, or the failed task if it was one, else the cause as it was sent."""

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
                self.total = line["tasks"]
            case "begin":
                return TaskBegan(line["task"], self._redact(line["name"]))
            case "retry":
                name = self._redact(line["name"])
                return TaskRetried(line["task"], name, line["attempt"], line["exit"])
            case "end":
                return self._end_of_task(line)
            case "finished":
                self.ending = self._finished(line)
            case "stopped" | "gone" if self.ending is None:
                self.ending = Ending(ok=False, cause=self._cut_short(line))
        return None

    @staticmethod
    def _cut_short(line: dict[str, Any]) -> str:
        if line.get("status") == _NO_JOURNAL:
            return "the journal cannot be written: is the disk full?"
        return f"the run was ended from outside ({line.get('result') or 'no end was written'})"

    def _end_of_task(self, line: dict[str, Any]) -> TaskEnded:
        task = TaskEnded(
            number=line["task"],
            name=self._redact(line["name"]),
            status=line["status"],
            changed=line["changed"],
            seconds=line["seconds"],
            exit=line["exit"],
            output=self._redact(line["output"])[-_LONGEST_OUTPUT:],
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
        tasks = sorted(self._tasks, key=lambda task: task.number)
        return Report(self.run, playbook, tuple(tasks), dict(self._registered), seconds)
