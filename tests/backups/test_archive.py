import io
import json
import tarfile
from pathlib import Path

import pytest

from provisioner.backups.archive import open_backup
from provisioner.backups.errors import BackupError

STATE = "root/payload/posix/home/openclaw/.openclaw"
MANIFEST = {"runtimeVersion": "2026.9.6", "assets": [{"kind": "state", "archivePath": STATE}]}


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def whole(path: Path, manifest: object = MANIFEST) -> Path:
    text = json.dumps(manifest).encode()
    return packed(path, {f"{STATE}/openclaw.json": b"{}", "root/manifest.json": text})


def test_one_that_is_whole(tmp_path: Path) -> None:
    opened = open_backup(whole(tmp_path / "a"), "ada")

    assert (opened.version, opened.entries) == ("2026.9.6", 2)


@pytest.mark.parametrize("left", [0, 1, 20, 150])
def test_one_that_is_torn(tmp_path: Path, left: int) -> None:
    path = whole(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:left])

    with pytest.raises(BackupError, match="it is no whole backup") as caught:
        open_backup(path, "ada")
    assert caught.value.retry


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ({"assets": []}, "the assistant's state is not in it"),
        ({"assets": [{"kind": "state", "archivePath": "elsewhere"}]}, "the assistant's state is not in it"),
        ({"assets": 3}, "it is no whole backup"),
        ([], "it is no whole backup"),
    ],
)
def test_one_whose_manifest_tells_of_no_state(tmp_path: Path, manifest: object, why: str) -> None:
    with pytest.raises(BackupError, match=why):
        open_backup(whole(tmp_path / "a", manifest), "ada")


def test_one_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="it has no manifest"):
        open_backup(packed(tmp_path / "a", {f"{STATE}/openclaw.json": b"{}"}), "ada")


def test_one_that_would_unpack_to_far_more_than_it_is(tmp_path: Path) -> None:
    path = packed(tmp_path / "a", {"root/zeros": bytes(50_000_000)})

    with pytest.raises(BackupError, match="far larger"):
        open_backup(path, "ada")
