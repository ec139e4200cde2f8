"""What is told about a run while it goes on; whoever listens shows it, or writes it down."""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from provisioner.timestamps import now

Kind = Literal["skipped", "started", "said", "done", "waiting", "failed"]


@dataclass(frozen=True)
class Progress:
    """One thing that happened to one customer: in which step, after how many seconds of that step."""

    who: str
    step: str
    kind: Kind
    text: str = ""
    seconds: float = 0.0


Listener = Callable[[Progress], None]


def event_line(**event: object) -> str:
    """One line of JSON with the moment of the call: how run logs, and programs that listen, get an event."""
    return json.dumps({"timestamp": now(), **event}, ensure_ascii=False)


def progress_line(progress: Progress) -> str:
    """The line of this event."""
    return event_line(**{**vars(progress), "seconds": round(progress.seconds, 3)})


class RunLog:
    """A run's events as JSON lines in a file of its own (0600); a listener, to be closed at the end.

    What the disk does not take is lost: the log only tells of the run, and must not end it.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.path = folder / f"{run}.jsonl"
        self._descriptor: int | None = None
        self._torn = False
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, progress: Progress) -> None:
        if self._descriptor is None:
            return
        line = progress_line(progress).encode("utf-8", "backslashreplace") + b"\n"
        if self._torn:
            line = b"\n" + line
        with suppress(OSError):
            self._torn = os.write(self._descriptor, line) < len(line)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class StepWatch:
    """Tells a listener about one step, with the time since it began."""

    def __init__(self, listener: Listener, who: str, step: str) -> None:
        self._listener = listener
        self._who = who
        self._step = step
        self._began = time.monotonic()

    def tell(self, kind: Kind, text: str = "") -> None:
        """Pass one event on."""
        seconds = time.monotonic() - self._began
        self._listener(Progress(self._who, self._step, kind, text, seconds))


def tell_all(*listeners: Listener) -> Listener:
    """One listener that passes everything on to each of these."""

    def tell(progress: Progress) -> None:
        for listener in listeners:
            listener(progress)

    return tell


def redacted(redact: Callable[[str], str], listener: Listener) -> Listener:
    """A listener that passes everything on with the secrets cut out."""
    return lambda progress: listener(replace(progress, text=redact(progress.text)))
