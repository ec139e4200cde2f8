"""A seam that fails when told to."""

import errno
import os
from pathlib import Path
from typing import Any

from provisioner.filesystem.durable import Content, Files, Stamp

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)


class FaultyFiles(Files):
    """Counts every effect, and fails at the n-th."""

    def __init__(self, fail_at: int | None = None, error: int = errno.EIO) -> None:
        self.calls = 0
        self.failed = False
        self._fail_at = fail_at
        self._error = error

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self._fail_at:
            self.failed = True
            raise OSError(self._error, os.strerror(self._error))

    def read(self, path: Path) -> Content:
        self._count()
        return super().read(path)

    def read_raw(self, path: str) -> bytes:
        self._count()
        return super().read_raw(path)

    def stamp(self, path: Path) -> Stamp | None:
        self._count()
        return super().stamp(path)

    def create(self, path: Path) -> int:
        self._count()
        return super().create(path)

    def write(self, handle: int, data: bytes) -> int:
        self._count()
        # In three parts, so that there is a torn file to be found.
        return super().write(handle, data[: max(len(data) // 3, 1)])

    def sync(self, handle: int) -> None:
        self._count()
        super().sync(handle)

    def close(self, handle: int) -> None:
        # The handle is gone whatever close reports.
        super().close(handle)
        self._count()

    def rename(self, source: Path, target: Path) -> None:
        self._count()
        super().rename(source, target)

    def link(self, source: Path, target: Path) -> bool:
        self._count()
        return super().link(source, target)

    def remove(self, path: Path) -> None:
        self._count()
        super().remove(path)

    def restrict(self, path: Path, mode: int) -> None:
        self._count()
        super().restrict(path, mode)

    def make_folder(self, path: Path) -> None:
        self._count()
        super().make_folder(path)

    def sync_folder(self, folder: Path) -> None:
        self._count()
        super().sync_folder(folder)


def every_effect_is_counted() -> set[str]:
    """The seam's methods that this class does not count; empty as long as it is whole."""

    def methods(of: type[Any]) -> set[str]:
        return {name for name, value in vars(of).items() if callable(value) and name[0] != "_"}

    return methods(Files) - methods(FaultyFiles)
