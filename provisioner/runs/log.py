"""The log of a run: written while it goes on; the names of all, in the order of the runs, and their ends."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from provisioner.runs.progress import Progress, progress_line
from provisioner.timestamps import present

# A run's last words are few, but a failure's may be many.
_TAILS = (8192, 1 << 20)
_LATELY = 1000
_STEP = timedelta(seconds=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_FAR_AHEAD = datetime(9000, 1, 1, tzinfo=UTC)
_TOLD = ("who", "step", "kind", "text", "timestamp", "customer")
KEPT = timedelta(days=90)
"""For how long the log of a run is kept."""


class RunLog:
    """A run's events as JSON lines in a file of its own (0600); a listener, to be closed at the end.

    What the disk does not take is lost: the log only tells of the run, and must not end it.
    """

    def __init__(self, folder: Path, run: str, customer: str) -> None:
        """`customer` is their id, which stays when their address changes."""
        self._customer = customer
        self.path = folder / f"{run}.jsonl"
        self._descriptor: int | None = None
        self._torn = False
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, progress: Progress) -> None:
        if self._descriptor is None:
            return
        said = progress_line(progress, customer=self._customer)
        line = said.encode("utf-8", "backslashreplace") + b"\n"
        if self._torn:
            line = b"\n" + line
        with suppress(OSError):
            self._torn = os.write(self._descriptor, line) < len(line)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def new_run(folder: Path) -> str:
    """A name for a run that begins now: `2026-01-29T055400.123456Z-a1b2c3`.

    It comes after all that are there, even if the clock was set back: the last run of a customer is told by
    its name.
    """
    newest = next((_begun(path) for path in _newest_first(folder)), _LONG_AGO)
    moment = present()
    if moment <= newest:
        moment = newest + _STEP
    return f"{moment:%Y-%m-%dT%H%M%S.%fZ}-{os.urandom(3).hex()}"


def forget(folder: Path, run: str) -> None:
    """Remove the log of a run, of which a later one tells all."""
    with suppress(OSError):
        (folder / f"{run}.jsonl").unlink()


def forget_old(folder: Path, now: datetime) -> None:
    """Remove the logs of runs that were begun longer than `KEPT` ago."""
    for path in _newest_first(folder):
        begun = _begun(path)
        if begun != _LONG_AGO and now - begun > KEPT:
            forget(folder, path.stem)


def last_progress(folder: Path, customers: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The last event of the newest run of each of these, by their ids; one without a run is left out.

    `customers` are addresses by ids. Older logs have the address alone.
    """
    wanted = dict(customers)
    by_address = {email: identifier for identifier, email in customers.items()}
    found: dict[str, dict[str, Any]] = {}
    for path in _newest_first(folder):
        if not wanted:
            break
        event = _last_event(path)
        whose = _whose(event, by_address)
        if whose in wanted:
            found[whose] = event
            del wanted[whose]
    return found


def newest_run_of(folder: Path, customer: str, email: str, most: int) -> list[dict[str, Any]]:
    """The last events of this customer's newest run, the newest first; none if that was long ago.

    Not every log is opened: who was at work lately has one of the newest.
    """
    for path in islice(_newest_first(folder), _LATELY):
        if _whose(_last_event(path), {email: customer}) == customer:
            return list(islice(_events_backwards(path), most))
    return []


def newest_runs(folder: Path, most: int) -> list[dict[str, Any]]:
    """The last event of each of the newest runs, the newest run first."""
    found = (_last_event(path) for path in islice(_newest_first(folder), most))
    return [event for event in found if event]


def _newest_first(folder: Path) -> Iterator[Path]:
    """Their names begin with the moment at which they were begun."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(".jsonl")]
    except OSError:  # none yet, or none that can be seen: no log must end a run, or hide how others stand
        return
    yield from (folder / name for name in sorted(names, reverse=True))


def _begun(path: Path) -> datetime:
    """When a run was begun, by its name; long ago if that is no moment."""
    try:
        moment = datetime.fromisoformat(path.stem.rpartition("-")[0])
    except ValueError:
        return _LONG_AGO
    return moment if moment.tzinfo is not None and moment < _FAR_AHEAD else _LONG_AGO


def _whose(event: Mapping[str, Any], by_address: Mapping[str, str]) -> str | None:
    """The id of the customer whose run it was; older logs have the address alone."""
    return event["customer"] if "customer" in event else by_address.get(event.get("who", ""))


def _events_backwards(path: Path) -> Iterator[dict[str, Any]]:
    """From the last whole line of the log's end on."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAILS[-1]))
        lines = file.read(_TAILS[-1]).splitlines()
        yield from (event for line in reversed(lines) if (event := _last_of([line])))


def _last_event(path: Path) -> dict[str, Any]:
    """The last whole line; a kill may have torn the very last one."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            for tail in _TAILS:
                file.seek(max(0, size - tail))
                if event := _last_of(file.read(tail).splitlines()):
                    return event
                if size <= tail:
                    break
    except OSError:
        pass
    return {}


def _last_of(lines: list[bytes]) -> dict[str, Any]:
    for line in reversed(lines):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and all(isinstance(event.get(key, ""), str) for key in _TOLD):
            return event
    return {}
