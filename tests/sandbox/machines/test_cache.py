"""An entry of the cache is complete or is not there, and is made once."""

import threading
from pathlib import Path

import pytest

from provisioner.sandbox.machines.cache import build_once


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "entry"
    made: list[Path] = []
    said: list[str] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder.parent / "scrap").write_text("left over")
        folder.mkdir()
        (folder / "file").write_text("content")

    for _ in range(2):
        build_once(target, make, "the thing", said.append)
    assert len(made) == 1
    assert (target / "file").read_text() == "content"
    assert said[0] == "building the thing, once"
    assert sorted(path.name for path in target.parent.iterdir()) == [".entry.lock", "entry"]


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        folder.mkdir()
        raise RuntimeError("no mirror")

    with pytest.raises(RuntimeError, match="no mirror"):
        build_once(tmp_path / "entry", make, "the thing", lambda _line: None)
    assert [path.name for path in tmp_path.iterdir()] == [".entry.lock"]


def test_what_a_killed_build_left_is_thrown_away(tmp_path: Path) -> None:
    left_over = tmp_path / ".entry.building-abc"
    left_over.mkdir()
    build_once(tmp_path / "entry", Path.mkdir, "the thing", lambda _line: None)
    assert not left_over.exists()


def test_a_second_builder_waits_for_the_first(tmp_path: Path) -> None:
    started, go_on = threading.Event(), threading.Event()
    made: list[Path] = []
    said: list[str] = []

    def make(folder: Path) -> None:
        made.append(folder)
        started.set()
        go_on.wait()
        folder.mkdir()

    def tell(line: str) -> None:
        said.append(line)
        if "waiting" in line:
            go_on.set()

    first = threading.Thread(target=build_once, args=(tmp_path / "entry", make, "the thing", tell))
    first.start()
    started.wait()
    build_once(tmp_path / "entry", make, "the thing", tell)
    first.join()
    assert len(made) == 1
    assert "another process is building the thing; waiting for it" in said
