"""What writes records lets go of every file that it opens, and what fails leaves nothing that looks whole."""

import itertools
from contextlib import suppress
from pathlib import Path

from provisioner.filesystem.durable import Files, create_durably, write_durably
from tests.customers.files.faults import FaultyFiles


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_stays_open(tmp_path: Path) -> None:
    files, path = Files(), tmp_path / "record.json"
    write_durably(files, path, b"{}", None)
    before = _open_files()

    for _ in range(3):
        write_durably(files, path, files.read(path).raw + b" ", files.stamp(path))
        files.read_raw(str(path))

    assert _open_files() == before


def test_a_file_that_is_made_is_there_whole_or_not_at_all_whatever_fails(tmp_path: Path) -> None:
    for attempt in itertools.count(1):
        path = tmp_path / str(attempt) / "event.json"
        path.parent.mkdir()
        faulty = FaultyFiles(attempt)
        with suppress(OSError):
            assert create_durably(faulty, path, b'{"id": "evt_1"}')
        assert not path.exists() or path.read_bytes() == b'{"id": "evt_1"}'
        there = path.exists()
        assert create_durably(Files(), path, b'{"id": "evt_1"}') is not there
        if not faulty.failed:
            assert attempt > 5
            return


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    assert create_durably(Files(), path, b"first")
    assert not create_durably(Files(), path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
