import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from provisioner.customers.files import index
from provisioner.customers.files.file_store import FileStore
from provisioner.customers.files.folders import Folders
from provisioner.customers.files.index import Index
from provisioner.filesystem.durable import Content, Files
from tests.customers.examples import documented, write_old


class CountingFiles(Files):
    """Knows which files were read."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def read(self, path: Path) -> Content:
        self.reads.append(path.name)
        return super().read(path)

    def read_raw(self, path: str) -> bytes:
        self.reads.append(Path(path).name)
        return super().read_raw(path)

    def since(self) -> list[str]:
        found, self.reads = self.reads, []
        return found


@pytest.fixture
def counting() -> CountingFiles:
    return CountingFiles()


@pytest.fixture
def folders(tmp_path: Path, counting: CountingFiles) -> Folders:
    return Folders(tmp_path / "customers", counting)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every file had been there for a while."""
    monkeypatch.setattr(index, "_UNSETTLED_NS", -1)


def a_tick_later() -> None:
    """A file that changes now has other times than one that changed before."""
    time.sleep(0.02)


def put(folder: Path, number: int, droplet: str) -> Path:
    data = {**documented(), "id": f"cust_{number}", "email": f"customer{number}@example.com"}
    data["setup"]["droplet"]["id"] = droplet
    a_tick_later()
    return write_old(folder, data)


def names(index: Index, droplet: str) -> list[str]:
    return [path.name for path in index.look_up(("droplet", droplet)).files]


@pytest.mark.usefixtures("settled")
def test_a_file_is_read_once_as_long_as_it_does_not_change(
    folders: Folders, counting: CountingFiles, active: Path, archive: Path
) -> None:
    paths = [put(active, 1, "101"), put(active, 2, "102"), put(archive, 3, "103")]
    known = Index(folders)
    assert names(known, "103") == [paths[2].name]
    assert sorted(counting.since()) == sorted(path.name for path in paths)
    assert names(known, "101") == [paths[0].name]
    assert names(known, "999") == []
    assert counting.since() == []

    put(active, 2, "222")
    assert names(known, "222") == [paths[1].name]
    assert names(known, "102") == []
    assert counting.since() == [paths[1].name]

    paths[1].unlink()
    paths[0].rename(archive / paths[0].name)
    assert names(known, "222") == []
    assert known.look_up(("droplet", "101")).files == [archive / paths[0].name]


@pytest.mark.usefixtures("settled")
def test_a_change_that_keeps_size_and_time_is_seen(
    folders: Folders, active: Path, counting: CountingFiles
) -> None:
    path = put(active, 1, "101")
    known = Index(folders)
    assert names(known, "101") == [path.name]
    before = path.stat()
    a_tick_later()
    with path.open("r+b") as file:
        file.write(path.read_bytes().replace(b'"101"', b'"102"'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_ino, path.stat().st_size) == (before.st_ino, before.st_size)
    assert names(known, "102") == [path.name]


def test_a_file_that_changed_a_moment_before_it_was_read_is_read_once_more(
    folders: Folders, counting: CountingFiles, active: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within one tick of the system's clock a second change gives a file the same times."""
    path = put(active, 1, "101")
    known = Index(folders)
    for _ in range(2):
        names(known, "101")
        assert counting.since() == [path.name]
    # A while later.
    monkeypatch.setattr(index, "_UNSETTLED_NS", -1)
    names(known, "101")
    assert counting.since() == [path.name]
    names(known, "101")
    assert counting.since() == []


@pytest.mark.usefixtures("settled")
def test_where_times_are_whole_seconds_a_file_is_read_once_more_for_longer(
    folders: Folders, counting: CountingFiles, active: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(active, 1, "101")
    seconds = path.stat().st_ctime_ns // 1_000_000_000 * 1_000_000_000
    monkeypatch.setattr(index, "_files_in", lambda folder: coarse(folder, seconds))
    known = Index(folders)
    for _ in range(2):
        names(known, "101")
        assert counting.since() == [path.name]


def coarse(folder: Path, changed_ns: int) -> Iterator[tuple[str, SimpleNamespace]]:
    for path in sorted(folder.glob("*.json")):
        status = path.stat()
        yield (
            str(path),
            SimpleNamespace(
                st_ino=status.st_ino, st_size=status.st_size, st_mtime_ns=changed_ns, st_ctime_ns=changed_ns
            ),
        )


@pytest.mark.usefixtures("settled")
def test_after_the_clock_was_set_everything_is_read_again(
    folders: Folders, counting: CountingFiles, active: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(active, 1, "101")
    known = Index(folders)
    names(known, "101")
    counting.since()
    apart = index._clocks_apart()
    monkeypatch.setattr(index, "_clocks_apart", lambda: apart - 3600)
    names(known, "101")
    assert counting.since() == [path.name]
    names(known, "101")
    assert counting.since() == []


@pytest.mark.usefixtures("settled")
def test_no_more_files_are_remembered_than_there_is_room_for(
    folders: Folders, counting: CountingFiles, active: Path
) -> None:
    for number in range(5):
        put(active, number, f"10{number}")
    known = Index(folders, most=2)
    for _ in range(2):
        for number in range(5):
            assert len(names(known, f"10{number}")) == 1
        assert len(known._known) == 2
    counting.since()
    names(known, "100")
    assert len(counting.since()) == 3


@pytest.mark.usefixtures("settled")
def test_what_is_gone_is_forgotten(folders: Folders, active: Path) -> None:
    known = Index(folders)
    for number in range(50):
        path = put(active, number, "101")
        assert names(known, "101") == [path.name]
        path.unlink()
    assert names(known, "101") == []
    assert known._known == {}


def test_an_entry_is_not_believed_without_a_look(
    active: Path, archive: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other processes go on between the look at the folders and the reading of what was found."""
    path = put(active, 1, "101")
    moved = put(active, 2, "101")
    gone = put(active, 3, "101")
    places = store._index.look_up(("droplet", "101"))
    monkeypatch.setattr(store._index, "look_up", lambda *_: places)
    put(active, 1, "555")
    archive.mkdir()
    moved.rename(archive / moved.name)
    gone.unlink()
    found = [(one.name, one.archived) for one in store.having(("droplet", "101"))]
    assert found == [(moved.name, True)]
    assert path.exists()


@pytest.mark.usefixtures("settled")
def test_another_process_that_writes_all_the_time_is_followed(
    folders: Folders, tmp_path: Path, active: Path
) -> None:
    put(active, 1, "1000")
    known = Index(folders)
    work = f"""
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from provisioner.customers.files.file_store import FileStore
store = FileStore(Path({str(tmp_path / "customers")!r}), Path({str(tmp_path / "locks")!r}))
for number in range(1001, 1101):
    with store.edit("customer1@example.com") as record:
        record.set("setup.droplet.id", str(number))
    print(number, flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for number in range(1001, 1101):
            assert other.stdout.readline() == f"{number}\n"
            assert len(names(known, str(number))) == 1
            assert names(known, str(number - 1)) == []
            print(file=other.stdin, flush=True)
