"""The memory of a machine: the limit on its control group, what is used under it, and what it shows inside.

The limit is of what is in memory; what the host may swap out is not counted, so that a machine on a host with
swap has what a cloud server with a swap file has, and on a host without it has less.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provisioner.sandbox.machines.interface import MemoryUse

_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True)
class _Files:
    """The files of a control group, and the names of the counters in `memory.stat`, subgroups included."""

    limit: str
    peak: str
    kills: str
    anonymous: str
    shared: str


_VERSION_1: Final = _Files(
    "memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control", "total_rss", "total_shmem"
)
_VERSION_2: Final = _Files("memory.max", "memory.peak", "memory.events", "anon", "shmem")


def limit(folders: Iterable[Path], mebibytes: int) -> None:
    """Limit the group with these folders; nothing happens where the host has no memory controller for it."""
    if found := _controlled(folders):
        folder, files = found
        (folder / files.limit).write_text(str(mebibytes * _MEBIBYTE))


def read(folders: Iterable[Path]) -> MemoryUse | None:
    """What the group with these folders uses; None where nothing limits it, or it is gone."""
    found = _controlled(folders)
    if found is None:
        return None
    folder, files = found
    try:
        return _read(folder, files)
    except FileNotFoundError:  # switched off meanwhile
        return None


def as_meminfo(mebibytes: int) -> str:
    """The /proc/meminfo of a machine with so much memory; what is free at a moment it does not know."""
    size = mebibytes * 1024
    amounts = {"MemTotal": size, "MemFree": size, "MemAvailable": size}
    amounts |= dict.fromkeys(("Buffers", "Cached", "SwapCached", "SwapTotal", "SwapFree"), 0)
    return "".join(f"{name + ':':<15} {amount:8} kB\n" for name, amount in amounts.items())


def _controlled(folders: Iterable[Path]) -> tuple[Path, _Files] | None:
    pairs = ((folder, files) for folder in folders for files in (_VERSION_1, _VERSION_2))
    return next((pair for pair in pairs if (pair[0] / pair[1].limit).exists()), None)


def _read(folder: Path, files: _Files) -> MemoryUse:
    counters = _table(folder / "memory.stat")
    peak = folder / files.peak
    return MemoryUse(
        limit=int((folder / files.limit).read_text()),
        held=counters[files.anonymous] + counters[files.shared],
        peak=int(peak.read_text()) if peak.exists() else None,
        killed=_table(folder / files.kills)["oom_kill"],
    )


def _table(path: Path) -> dict[str, int]:
    rows = (line.split() for line in path.read_text().splitlines())
    return {name: int(amount) for name, amount in rows}
