"""Who is signed in: ids that only their browser knows, of which the file has the hashes (0600)."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from provisioner.printable import command
from provisioner.timestamps import moment, present, written
from provisioner.web.access.kept import KeptFile

IDLE: Final = timedelta(hours=12)
WHOLE: Final = timedelta(days=7)
_NOTED_EVERY: Final = timedelta(minutes=10)
"""How exactly it is known when somebody was last here: each note is a write."""


class Session(BaseModel):
    """Somebody who is signed in, since when, and when they were last here."""

    model_config = ConfigDict(frozen=True)

    operator: str
    """Their id."""
    since: str
    seen: str


class _Stored(BaseModel):
    sessions: Mapping[str, Session] = {}


class Sessions:
    """All of one workspace."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = present) -> None:
        hint = f"remove it; everybody has to sign in anew: {command('login')}"
        self._file = KeptFile(folder / "sessions.json", _Stored(), hint)
        self._now = now

    def begin(self, operator_id: str, instead_of: str | None = None) -> str:
        """The id of a new session; what the browser came with is never made one, and ends if it was."""
        new, now = secrets.token_urlsafe(32), written(self._now())
        session = Session(operator=operator_id, since=now, seen=now)
        with self._file.changing() as (there, save):
            left = self._good(there.sessions)
            left.pop(_hash(instead_of or ""), None)
            save(_Stored(sessions={**left, _hash(new): session}))
        return new

    def find(self, session_id: str) -> Session | None:
        """The session of this id, if there is one that is not over."""
        found = self._file.read().sessions.get(_hash(session_id))
        return found if found is not None and self._is_good(found) else None

    def note(self, session_id: str, session: Session) -> None:
        """They were here now."""
        seen = moment(session.seen)
        if seen is not None and self._now() - seen < _NOTED_EVERY:
            return
        with self._file.changing() as (there, save):
            key, good = _hash(session_id), self._good(there.sessions)
            if key in good:
                noted = good[key].model_copy(update={"seen": written(self._now())})
                save(_Stored(sessions={**good, key: noted}))

    def end(self, session_id: str) -> None:
        """They have signed out there."""
        with self._file.changing() as (there, save):
            left = self._good(there.sessions)
            left.pop(_hash(session_id), None)
            save(_Stored(sessions=left))

    def end_all(self, operator_ids: Iterable[str]) -> None:
        """They are signed in nowhere any more."""
        ended = frozenset(operator_ids)
        with self._file.changing() as (there, save):
            good = self._good(there.sessions)
            save(_Stored(sessions={key: one for key, one in good.items() if one.operator not in ended}))

    def _good(self, sessions: Mapping[str, Session]) -> dict[str, Session]:
        return {key: one for key, one in sessions.items() if self._is_good(one)}

    def _is_good(self, session: Session) -> bool:
        since, seen, now = moment(session.since), moment(session.seen), self._now()
        if since is None or seen is None:
            return False
        return now - since < WHOLE and now - seen < IDLE


def _hash(session_id: str) -> str:
    return sha256(session_id.encode("utf-8", "replace")).hexdigest()
