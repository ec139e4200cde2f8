"""What is told about a run while it goes on; whoever listens shows it, or writes it down."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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


def progress_line(progress: Progress, **more: str) -> str:
    """The line of this event, with `more` in it."""
    return event_line(**{**vars(progress), "seconds": round(progress.seconds, 3), **more})


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
