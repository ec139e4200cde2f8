"""A power cut at every moment of one write, on a file system that keeps only what was synced.

The model is that of reliability tests of databases: what was written and not synced may be lost, cut at any
byte or be zeros; a rename that was not synced may or may not be there, and only a synced file's bytes are
sure to be behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provisioner.customers.files.document import parse, render
from provisioner.customers.record import Record
from provisioner.filesystem.durable import Content, Files, Stamp, write_durably
from tests.customers.examples import documented

FOLDER = Path("/customers/active")
RECORD = FOLDER / "customer_at_example.com.json"


@dataclass
class Inode:
    written: bytes = b""
    synced: bytes = b""

    def after_a_cut(self) -> Iterator[bytes]:
        """Everything that may be found: the synced part, and any beginning or any zeros of the rest."""
        yield self.synced
        for length in range(len(self.synced), len(self.written) + 1):
            yield self.written[:length]
            yield self.written[:length] + bytes(len(self.written) - length)


@dataclass
class TornFiles(Files):
    """A folder in memory: names lead to inodes, and both are sure only once they are synced."""

    now: dict[Path, Inode] = field(default_factory=dict)
    sure: dict[Path, Inode] = field(default_factory=dict)
    handles: dict[int, Inode] = field(default_factory=dict)
    moments: list[set[bytes | None]] = field(default_factory=list)

    def read(self, path: Path) -> Content:
        inode = self.now[path]
        return Content(inode.written, Stamp(id(inode), 0, len(inode.written)))

    def stamp(self, path: Path) -> Stamp | None:
        inode = self.now.get(path)
        return None if inode is None else Stamp(id(inode), 0, len(inode.written))

    def create(self, path: Path) -> int:
        handle = len(self.handles)
        self.handles[handle] = self.now[path] = Inode()
        self._look()
        return handle

    def write(self, handle: int, data: bytes) -> int:
        self.handles[handle].written += data[:700]
        self._look()
        return len(data[:700])

    def sync(self, handle: int) -> None:
        self.handles[handle].synced = self.handles[handle].written
        self._look()

    def close(self, handle: int) -> None:
        self._look()

    def rename(self, source: Path, target: Path) -> None:
        self.now[target] = self.now.pop(source)
        self._look()

    def remove(self, path: Path) -> None:
        self.now.pop(path, None)
        self._look()

    def sync_folder(self, folder: Path) -> None:
        self.sure = dict(self.now)
        self._look()

    def _look(self) -> None:
        """What the record's name may lead to if the power is cut here."""
        inodes = {id(names[RECORD]): names[RECORD] for names in (self.now, self.sure) if RECORD in names}
        found: set[bytes | None] = {state for inode in inodes.values() for state in inode.after_a_cut()}
        if RECORD not in self.now or RECORD not in self.sure:
            found.add(None)
        self.moments.append(found)


def versions() -> tuple[bytes, bytes]:
    record = Record(documented())
    old = render(record.data)
    record.add_note("a note that makes it longer")
    return old, render(record.data)


def disk(raw: bytes | None) -> TornFiles:
    names = {} if raw is None else {RECORD: Inode(raw, raw)}
    return TornFiles(now=dict(names), sure=dict(names))


def test_after_a_cut_at_any_moment_the_record_is_the_old_or_the_new_one() -> None:
    old, new = versions()
    files = disk(old)
    write_durably(files, RECORD, new, files.stamp(RECORD))
    assert len(files.moments) > 6
    assert set().union(*files.moments) == {old, new}
    assert files.moments[-1] == {new}


def test_after_a_cut_a_new_record_is_there_whole_or_not_at_all() -> None:
    _, new = versions()
    files = disk(None)
    write_durably(files, RECORD, new, None)
    assert set().union(*files.moments) == {None, new}
    assert files.moments[-1] == {new}


class WithoutSync(TornFiles):
    def sync(self, handle: int) -> None:
        self._look()


class InPlace(TornFiles):
    def create(self, path: Path) -> int:
        return super().create(RECORD)

    def rename(self, source: Path, target: Path) -> None:
        self._look()


@pytest.mark.parametrize("careless", [WithoutSync, InPlace])
def test_the_model_catches_a_careless_writer(careless: type[TornFiles]) -> None:
    old, new = versions()
    files = careless(now={RECORD: Inode(old, old)}, sure={RECORD: Inode(old, old)})
    expected = files.stamp(RECORD)
    if careless is InPlace:
        handle = files.create(RECORD)
        files.write(handle, new)
    else:
        write_durably(files, RECORD, new, expected)
    torn = set().union(*files.moments) - {old, new, None}
    assert torn
    assert any(not _is_whole(state) for state in torn if state is not None)


def _is_whole(raw: bytes) -> bool:
    try:
        parse(raw)
    except ValueError:
        return False
    return True
