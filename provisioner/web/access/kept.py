"""A small private file (0600) that several processes read and change, each time as a whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from provisioner.errors import RecordError
from provisioner.failpoints import failpoint
from provisioner.filesystem.durable import Files, explained, write_durably
from provisioner.filesystem.locks import locked

_LOCK_SECONDS = 5.0

Content = TypeVar("Content", bound=BaseModel)


class KeptFile(Generic[Content]):
    """The file at `path`; while there is none, it is what `empty` is."""

    def __init__(self, path: Path, empty: Content, hint: str) -> None:
        """`hint` says what to do where it is not as it was written."""
        self._path = path
        self._empty = empty
        self._hint = hint
        self._files = Files()

    def read(self) -> Content:
        """RecordError if it cannot be read, or is not as it was written."""
        with explained("read who may sign in", str(self._path)):
            try:
                raw = self._files.read(self._path).raw
            except FileNotFoundError:
                return self._empty
        try:
            return type(self._empty).model_validate_json(raw)
        except ValidationError:
            raise RecordError(
                "read who may sign in",
                whom=str(self._path),
                cause="it is not as it was written",
                hint=self._hint,
            ) from None

    @contextmanager
    def changing(self) -> Iterator[tuple[Content, Callable[[Content], None]]]:
        """What is in it, and how to have something else in it; nobody else changes it meanwhile."""
        doing = "change who may sign in"
        with locked(self._path.with_suffix(".lock"), doing, "the workspace", _LOCK_SECONDS):
            yield self.read(), self._save

    def _save(self, content: Content) -> None:
        with explained("write who may sign in", str(self._path)):
            self._files.make_folder(self._path.parent)
            failpoint("before write who may sign in")
            raw = content.model_dump_json(exclude_none=True).encode()
            write_durably(self._files, self._path, raw, self._files.stamp(self._path))
            failpoint("after write who may sign in")
