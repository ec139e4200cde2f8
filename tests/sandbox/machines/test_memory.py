"""The limit of a machine's memory, on both versions of the kernel's control groups; here as plain files."""

from pathlib import Path

import pytest

from provisioner.sandbox.machines import cgroup, memory
from provisioner.sandbox.machines.interface import MemoryUse

VERSION_1 = {
    "memory.limit_in_bytes": "9223372036854771712",
    "memory.max_usage_in_bytes": "900\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    "memory.stat": "cache 0\nrss 1\ntotal_cache 500\ntotal_rss 300\ntotal_shmem 40\n",
}
VERSION_2 = {
    "memory.max": "max",
    "memory.peak": "900\n",
    "memory.events": "low 0\nhigh 0\nmax 9\noom 3\noom_kill 3\noom_group_kill 0\n",
    "memory.stat": "anon 300\nfile 500\nshmem 40\n",
}


def group(folder: Path, files: dict[str, str]) -> tuple[Path, ...]:
    """Two folders, of which the second has the memory controller."""
    folders = folder / "manager", folder / "memory"
    for each in folders:
        each.mkdir(parents=True)
    for name, text in files.items():
        (folders[1] / name).write_text(text)
    return folders


@pytest.mark.parametrize("files", [VERSION_1, VERSION_2], ids=["version 1", "version 2"])
def test_the_limit_is_of_the_size_and_what_is_used_can_be_read(tmp_path: Path, files: dict[str, str]) -> None:
    folders = group(tmp_path, files)
    memory.limit(folders, 2048)
    assert memory.read(folders) == MemoryUse(limit=2 << 30, held=340, peak=900, killed=3)


def test_an_older_kernel_does_not_count_the_peak(tmp_path: Path) -> None:
    folders = group(tmp_path, {name: text for name, text in VERSION_2.items() if name != "memory.peak"})
    memory.limit(folders, 1024)
    use = memory.read(folders)
    assert use is not None
    assert use.peak is None


def test_without_a_memory_controller_there_is_no_limit(tmp_path: Path) -> None:
    folders = group(tmp_path, {})
    memory.limit(folders, 2048)
    assert memory.read(folders) is None
    assert list(folders[1].iterdir()) == []


def test_a_hierarchy_of_its_own_holds_the_group_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "_MOUNT", tmp_path)
    for name in ("systemd", "unified", "memory"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    assert cgroup.limits_memory()
    assert tmp_path / "memory" / "one" in cgroup.ControlGroup("one").folders
    (tmp_path / "memory" / "cgroup.procs").unlink()
    assert not cgroup.limits_memory()
    assert len(cgroup.ControlGroup("one").folders) == 2


@pytest.mark.parametrize("granted", [True, False])
def test_a_unified_hierarchy_is_told_to_limit_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, granted: bool
) -> None:
    """The kernel adds what is written to what stands there; a directory refuses to be written."""
    monkeypatch.setattr(cgroup, "_MOUNT", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    control = tmp_path / "cgroup.subtree_control"
    control.write_text("cpu\n")
    written = []

    def write(path: Path, text: str) -> int:
        assert path == control
        if not granted:
            raise OSError("Device or resource busy")
        written.append(text)
        with path.open("a") as file:
            return file.write("memory\n")

    monkeypatch.setattr(Path, "write_text", write)
    assert cgroup.limits_memory() is granted
    assert cgroup.limits_memory() is granted
    assert written == ["+memory"] * granted


def test_a_system_sees_its_size_as_its_memory() -> None:
    shown = memory.as_meminfo(2048)
    assert shown.splitlines()[0].split() == ["MemTotal:", "2097152", "kB"]
    assert shown.index("MemAvailable") < shown.index("SwapFree")
