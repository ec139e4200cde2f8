"""Stripe's events as they came, each in a file of its own: on disk before Stripe is told that we have it.

What has come and was not dealt with yet is in `pending`; what is about nobody who is known in `kept`; what
was dealt with in `done`, with what it did. A file is written to where it goes before it is removed from
where it was, so that a kill leaves it in one of them at least, and the later one counts.
"""

import heapq
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from provisioner.errors import RecordError
from provisioner.failpoints import failpoint
from provisioner.filesystem.durable import TEMPORARY, Files, create_durably, explained, write_durably
from provisioner.filesystem.locks import locked
from provisioner.payments.errors import StrangeEvent
from provisioner.payments.events import Envelope, envelope_of
from provisioner.timestamps import hours_since, now

KEPT_HOURS = 24 * 40
"""Stripe knows its events for 30 days; what nobody has claimed by then is nobody's."""
DONE_HOURS = 24 * 90
_HALF_WRITTEN_SECONDS = 600
_FETCHED_SECONDS = 5.0
_APPLYING_SECONDS = 30.0
_SUFFIX = ".json"
_WHOM = "Stripe's events"

Place = Literal["pending", "kept", "done"]
_MOVES: tuple[tuple[Place, Place], ...] = (("pending", "done"), ("kept", "done"), ("pending", "kept"))
_PLACES: tuple[Place, ...] = ("done", "kept", "pending")
Did = Literal["applied", "nothing", "kept", "strange"]


@dataclass(frozen=True)
class Outcome:
    """What became of an event: in words, and whose record it has changed."""

    did: Did
    text: str
    at: str
    customer: str | None = None
    """Their id."""
    email: str | None = None


@dataclass(frozen=True)
class Received:
    """An event, when it came first, and what has become of it, if anything has."""

    place: Place
    received: str
    document: Mapping[str, Any]
    outcome: Outcome | None = None

    @property
    def envelope(self) -> Envelope:
        return envelope_of(self.document)

    @property
    def id(self) -> str:
        return str(self.document.get("id"))

    @property
    def age(self) -> tuple[int, str]:
        """What sorts them as they have happened, as far as Stripe says."""
        created = self.document.get("created")
        return (created if isinstance(created, int) else 0), self.id


class Inbox:
    """The events of one workspace."""

    def __init__(self, folder: Path, files: Files | None = None) -> None:
        self._folder = folder
        self._files = files or Files()

    def receive(self, envelope: Envelope, document: Mapping[str, Any]) -> bool:
        """Have it on disk when this returns; False if it was there before.

        RecordError if it cannot be, and then Stripe has to send it again.
        """
        place, path = self._place_of(envelope.id), self._path("pending", envelope.id)
        with explained("write the event", str(path)):
            if place is None:
                self._files.make_folder(path.parent)
                failpoint("before receive the event")
                is_new = create_durably(self._files, path, _text(Received("pending", now(), document)))
                failpoint("after receive the event")
                return is_new
            if place == "pending":
                # Whoever is receiving it may not have come so far that it would survive a power cut.
                self._files.sync_folder(path.parent)
        return False

    def applying(self) -> AbstractContextManager[None]:
        """Be the only one who deals with events while the block lasts; BusyError if another goes on to."""
        return locked(self._folder / "applying.lock", "deal with events", _WHOM, _APPLYING_SECONDS)

    def pending(self) -> list[Received]:
        """What was not looked at yet, in the order in which it has happened."""
        return sorted(self._all("pending"), key=lambda one: one.age)

    def kept(self) -> list[Received]:
        """What is about nobody who is known yet, in the same order."""
        return sorted(self._all("kept"), key=lambda one: one.age)

    def finish(self, one: Received, outcome: Outcome) -> None:
        """It was dealt with, or has to be kept; on disk when this returns."""
        place: Place = "kept" if outcome.did == "kept" else "done"
        failpoint("before finish the event")
        self._write(Received(place, one.received, one.document, outcome))
        failpoint("after finish the event")
        if place != one.place:
            self._remove(self._path(one.place, one.id))

    def fetched_until(self) -> float:
        """Until when (epoch) all events were fetched from Stripe; 0 if that is not known."""
        with explained("read the events", str(self._fetched)):
            try:
                return float(json.loads(self._files.read(self._fetched).raw)["until"])
            except (FileNotFoundError, ValueError, TypeError, KeyError):
                return 0.0

    def note_fetched(self, until: float) -> None:
        """All events until then are here; losing this costs a fetch of all that Stripe has."""
        lock = self._folder / "fetched.lock"
        with locked(lock, "note what was fetched", _WHOM, _FETCHED_SECONDS):
            content = json.dumps({"until": max(until, self.fetched_until())}).encode()
            failpoint("before note what was fetched")
            with explained("write the event", str(self._fetched)):
                write_durably(self._files, self._fetched, content, self._files.stamp(self._fetched))
            failpoint("after note what was fetched")

    def clean_up(self) -> None:
        """Remove what a kill has left in two places."""
        for earlier, later in _MOVES:
            for path in self._paths(earlier):
                if (self._folder / later / path.name).exists():
                    self._remove(path)

    def forget_old(self) -> None:
        """Remove what is so old that it cannot come again, and what was left half written."""
        for path in (self._folder / "pending").glob(f"*{TEMPORARY}"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _HALF_WRITTEN_SECONDS:
                    self._remove(path)
        for one in self.all():
            if hours_since(one.received) > (DONE_HOURS if one.place == "done" else KEPT_HOURS):
                self._remove(self._path(one.place, one.id))

    def all(self) -> list[Received]:
        """Everything that is there, the newest last."""
        found = {one.id: one for place in reversed(_PLACES) for one in self._all(place)}
        return sorted(found.values(), key=lambda one: (one.received, one.age))

    def latest(self, most: int) -> list[Received]:
        """Those that have come or were dealt with last, the newest first; no other file is opened."""
        found: list[tuple[float, Place, Path]] = []
        for place in _PLACES:
            for path in self._paths(place):
                with suppress(FileNotFoundError):
                    found.append((path.stat().st_mtime, place, path))
        newest = heapq.nlargest(most, found)
        return [_read(place, path, self._files.read(path).raw) for _, place, path in newest if path.exists()]

    def number_pending(self) -> int:
        """How many were not looked at yet; none of them is opened."""
        return sum(1 for _ in self._paths("pending"))

    @property
    def _fetched(self) -> Path:
        return self._folder / "fetched.json"

    def _place_of(self, event_id: str) -> Place | None:
        return next((place for place in _PLACES if self._path(place, event_id).exists()), None)

    def _all(self, place: Place) -> Iterator[Received]:
        for path in self._paths(place):
            try:
                raw = self._files.read(path).raw
            except FileNotFoundError:
                continue
            yield _read(place, path, raw)

    def _paths(self, place: Place) -> Iterator[Path]:
        with explained("read the events", str(self._folder)):
            return (self._folder / place).glob(f"*{_SUFFIX}")

    def _path(self, place: Place, event_id: str) -> Path:
        return self._folder / place / f"{event_id}{_SUFFIX}"

    def _write(self, one: Received) -> None:
        path = self._path(one.place, one.id)
        with explained("write the event", str(path)):
            self._files.make_folder(path.parent)
            write_durably(self._files, path, _text(one), self._files.stamp(path))

    def _remove(self, path: Path) -> None:
        # Not synced: what is back after a power cut is cleaned up.
        with explained("write the event", str(path)):
            self._files.remove(path)


def _text(one: Received) -> bytes:
    content: dict[str, Any] = {"received": one.received}
    if one.outcome is not None:
        content["outcome"] = asdict(one.outcome)
    return json.dumps({**content, "event": one.document}, ensure_ascii=False).encode()


def _read(place: Place, path: Path, raw: bytes) -> Received:
    try:
        content = json.loads(raw)
        outcome = Outcome(**content["outcome"]) if "outcome" in content else None
        return Received(place, content["received"], content["event"], outcome)
    except (ValueError, TypeError, KeyError, StrangeEvent) as problem:
        hint = "remove it; provisioner stripe sync fetches what Stripe still has"
        raise RecordError("read the events", whom=str(path), cause=problem, hint=hint) from None
