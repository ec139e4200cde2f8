"""What is written down while an image is built, so that the same command goes on with it after a kill."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioner.errors import RecordError
from provisioner.filesystem.durable import Files, explained, write_durably
from provisioner.filesystem.locks import Holder, holder_of, locked

_WHOM = "the image builder"


@dataclass(frozen=True)
class Building:
    """One image on its way. What is None has not happened yet; moments are in UTC, as text."""

    name: str
    digest: str
    base: str
    region: str
    size: str
    droplet_id: str | None = None
    requested_at: str | None = None
    """When the builder was asked for."""
    host_key: str | None = None
    address: str | None = None
    cleaning_since: str | None = None
    """From here on nobody can log in for certain, and it switches itself off."""
    snapshot_asked_at: str | None = None
    snapshot_id: str | None = None
    """The finished image's; all that is left to do is to destroy the builder."""


class BuildFile:
    """The place of it in a workspace, and the lock under which it is changed."""

    def __init__(self, folder: Path) -> None:
        self._files = Files()
        self._path = folder / "building.json"
        self._lock = folder / "lock"

    def read(self) -> Building | None:
        """None if nothing is being built; RecordError if the file cannot be understood."""
        try:
            raw = self._files.read(self._path).raw
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise _unreadable(self._path, problem) from None
        try:
            return Building(**json.loads(raw))
        except (ValueError, TypeError) as problem:
            raise _unreadable(self._path, problem) from None

    def write(self, building: Building) -> None:
        """On disk when this returns. The caller has claimed it."""
        with explained("write what is being built", str(self._path)):
            self._files.make_folder(self._path.parent)
            text = json.dumps(asdict(building), indent=2) + "\n"
            write_durably(self._files, self._path, text.encode(), self._files.stamp(self._path))

    def forget(self) -> None:
        """Nothing is being built any more."""
        with explained("write what is being built", str(self._path)):
            self._files.remove(self._path)
            self._files.sync_folder(self._path.parent)

    @contextmanager
    def claim(self, doing: str) -> Iterator[None]:
        """Be the only process that builds; BusyError names the one that does."""
        with locked(self._lock, doing, _WHOM, 0.25):
            yield

    def holder(self) -> Holder | None:
        """Who builds now; None if nobody alive does."""
        return holder_of(self._lock)


def _unreadable(path: Path, problem: Exception) -> RecordError:
    hint = "provisioner doctor shows a builder that was left behind; delete it and the file, then build again"
    return RecordError("read what is being built", whom=str(path), cause=problem, hint=hint)
