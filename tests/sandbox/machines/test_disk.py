"""Layers of disks, without mounting any."""

from pathlib import Path

import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.machines.disk import Disk, Snapshots, Trash


def disk(folder: Path, *lowers: Path) -> Disk:
    planned = Disk(folder, lowers)
    planned.upper.mkdir(parents=True)
    return planned


def test_a_snapshot_holds_the_top_layer_and_names_the_ones_below(tmp_path: Path) -> None:
    source = disk(tmp_path / "machine", tmp_path / "image")
    (source.upper / "file").write_text("then")
    snapshots = Snapshots(tmp_path / "snapshots")
    snapshots.keep(source, "17")
    (source.upper / "file").write_text("now")
    layers = snapshots.layers("17")
    assert layers is not None
    assert (layers[0] / "file").read_text() == "then"
    assert layers[1:] == (tmp_path / "image",)


def test_a_snapshot_of_a_snapshot_stands_on_both(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "snapshots")
    snapshots.keep(disk(tmp_path / "one", tmp_path / "image"), "1")
    first = snapshots.layers("1")
    assert first is not None
    snapshots.keep(disk(tmp_path / "two", *first), "2")
    second = snapshots.layers("2")
    assert second is not None
    assert second[1:] == first


def test_a_snapshot_says_how_much_it_keeps(tmp_path: Path) -> None:
    source = disk(tmp_path / "machine", tmp_path / "image")
    (source.upper / "file").write_bytes(bytes(100_000))

    assert 100_000 <= Snapshots(tmp_path / "snapshots").keep(source, "17") < 120_000


def test_a_forgotten_snapshot_is_no_image_and_its_layer_stays(tmp_path: Path) -> None:
    """Disks of machines that run may stand on it."""
    snapshots = Snapshots(tmp_path / "snapshots")
    snapshots.keep(disk(tmp_path / "machine", tmp_path / "image"), "17")
    layers = snapshots.layers("17")
    assert layers is not None

    snapshots.forget("17")
    snapshots.forget("17")

    assert snapshots.layers("17") is None
    assert layers[0].is_dir()


def test_an_unknown_snapshot_is_none_and_a_strange_id_is_refused(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "snapshots")
    assert snapshots.layers("17") is None
    with pytest.raises(SandboxError, match="no snapshot's id"):
        snapshots.layers("../machines/1")


def test_the_trash_takes_a_folder_away_at_once(tmp_path: Path) -> None:
    folder, trash = tmp_path / "machine", Trash(tmp_path / "trash")
    (folder / "deep").mkdir(parents=True)
    trash.throw(folder)
    assert not folder.exists()
    trash.throw(folder)
    trash.empty()
    assert list(tmp_path.iterdir()) == []
