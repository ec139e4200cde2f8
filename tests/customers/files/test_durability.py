"""What is written is on the disk: real calls of fsync, on the right descriptors, at the right moments."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.customers.files.file_store import FileStore
from provisioner.customers.new import SignUp, new_record
from provisioner.filesystem.durable import Files
from provisioner.workspace import init_workspace

EMAIL = "customer@example.com"
NAME = "customer_at_example.com.json"
Seen = tuple[str, ...]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Seen]:
    """Each fsync with the file's name and what was in it at that moment, or the folder's; each rename."""
    seen: list[Seen] = []
    really, rename = os.fsync, Files.rename

    def fsync(handle: int) -> None:
        really(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            seen.append(("folder", path.name))
        else:
            seen.append(("file", path.name, path.read_text("utf-8")))

    def watched(self: Files, source: Path, target: Path) -> None:
        rename(self, source, target)
        seen.append(("rename", f"{target.parent.name}/{target.name}"))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Files, "rename", watched)
    return seen


@pytest.fixture
def customers(store: FileStore, seen: list[Seen]) -> FileStore:
    store.add(new_record(SignUp(EMAIL, "sub_1")))
    return store


def test_a_record_is_synced_whole_before_its_name_and_its_folder_after(
    customers: FileStore, active: Path, seen: list[Seen]
) -> None:
    for words in ("", "one", "two"):
        if words:
            _note(customers, words)
        text = (active / NAME).read_text("utf-8")
        assert seen == [
            ("file", f"{NAME}.tmp", text),
            ("rename", f"active/{NAME}"),
            ("folder", "active"),
        ]
        seen.clear()


def test_a_move_syncs_both_folders_after_it(customers: FileStore, seen: list[Seen]) -> None:
    moves: tuple[tuple[Callable[[str], bool], str, str], ...] = (
        (customers.archive, "archive", "active"),
        (customers.restore, "active", "archive"),
    )
    for move, into, out_of in moves:
        seen.clear()
        move(EMAIL)
        assert seen == [("rename", f"{into}/{NAME}"), ("folder", into), ("folder", out_of)]


def test_a_new_address_syncs_the_record_and_then_its_name(
    customers: FileStore, active: Path, seen: list[Seen]
) -> None:
    seen.clear()
    with customers.edit(EMAIL) as record:
        record.set("email", "new@example.com")
    other = "new_at_example.com.json"
    assert seen == [
        ("file", f"{NAME}.tmp", (active / other).read_text("utf-8")),
        ("rename", f"active/{NAME}"),
        ("folder", "active"),
        ("rename", f"active/{other}"),
        ("folder", "active"),
    ]


def test_the_operators_key_is_synced_with_its_folder(tmp_path: Path, seen: list[Seen]) -> None:
    workspace, _ = init_workspace(tmp_path / "workspace")
    key = (workspace.ssh_dir / "id_ed25519").read_text("ascii")
    (synced,) = [event for event in seen if event[0] == "file" and event[-1] == key]
    assert seen.index(("folder", "ssh")) > seen.index(synced)


def _note(store: FileStore, text: str) -> None:
    with store.edit(EMAIL) as record:
        record.add_note(text)
