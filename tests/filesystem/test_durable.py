"""What writes records lets go of every file that it opens."""

from pathlib import Path

from provisioner.filesystem.durable import Files, write_durably


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
