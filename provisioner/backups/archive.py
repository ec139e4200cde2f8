"""Opening a backup: only one that can be read to its end, and has the assistant's state in it, is one."""

import gzip
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner.backups.errors import BackupError
from provisioner.ssh.json_answers import load_json

_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 1 << 20
_MOST_UNPACKED = 50
"""How many times as large as the archive what is in it may be: databases shrink to a twentieth."""


@dataclass(frozen=True)
class Opened:
    """What a backup says of itself: `version` is that of the software that made it."""

    version: str | None
    entries: int


def open_backup(path: Path, whom: str) -> Opened:
    """Read the archive whole; BackupError if it is torn, or if there is no state of an assistant in it."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            return _read(archive, path.stat().st_size * _MOST_UNPACKED)
    except (
        tarfile.TarError,
        gzip.BadGzipFile,
        zlib.error,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
    ) as problem:
        raise BackupError(
            "open the backup", whom=whom, cause=f"it is no whole backup: {problem}", retry=True
        ) from None


def _read(archive: tarfile.TarFile, most: int) -> Opened:
    names: list[str] = []
    manifest: Any = None
    unpacked = 0
    for member in archive:
        unpacked += member.size
        if unpacked > most:
            raise ValueError("what is in it is far larger than it is itself")
        names.append(member.name)
        if member.name.partition("/")[2] == _MANIFEST:
            manifest = _manifest(archive, member)
    if manifest is None:
        raise ValueError("it has no manifest")
    states = [asset["archivePath"] for asset in manifest["assets"] if asset["kind"] == "state"]
    if not any(name.startswith(f"{state}/") for state in states for name in names):
        raise ValueError("the assistant's state is not in it")
    version = manifest.get("runtimeVersion")
    return Opened(version[:40] if isinstance(version, str) else None, len(names))


def _manifest(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Any:
    file = archive.extractfile(member)
    if file is None or member.size > _LARGEST_MANIFEST:
        raise ValueError("its manifest is no small file")
    return load_json(file.read())
