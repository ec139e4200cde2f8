"""What the logs of runs say, read from their ends."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TAIL_BYTES = 8192


def last_progress(folder: Path, customers: set[str]) -> dict[str, dict[str, Any]]:
    """The last event of the newest run of each of these addresses; one without a run is left out."""
    wanted = set(customers)
    found: dict[str, dict[str, Any]] = {}
    for path in _newest_first(folder):
        if not wanted:
            break
        event = _last_event(path)
        if event.get("who") in wanted:
            found[event["who"]] = event
            wanted.discard(event["who"])
    return found


def _newest_first(folder: Path) -> Iterator[Path]:
    """Their names begin with the moment at which they were begun."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(".jsonl")]
    except FileNotFoundError:
        return
    yield from (folder / name for name in sorted(names, reverse=True))


def _last_event(path: Path) -> dict[str, Any]:
    """The last whole line; a kill may have torn the very last one."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return {}
    for line in reversed(lines):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            return event
    return {}
