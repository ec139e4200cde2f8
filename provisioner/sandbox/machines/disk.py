"""The disks of machines: overlays whose lower layers (an image, perhaps snapshots) are never written to."""

import json
import os
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import host


@dataclass(frozen=True)
class Disk:
    """One machine's disk, in a folder of its own; `lowers` has the top layer first."""

    folder: Path
    lowers: tuple[Path, ...]

    @property
    def root(self) -> Path:
        """Where the disk is mounted, as long as the machine exists."""
        return self.folder / "root"

    @property
    def upper(self) -> Path:
        return self.folder / "upper"

    def mount(self) -> None:
        """Make the disk and mount it.

        It stays mounted while the machine is off. `volatile` spares every fsync of the guest, of which
        package managers make thousands; nobody keeps these disks beyond the life of the sandbox.
        """
        work = self.folder / "work"
        for folder in (self.root, self.upper, work):
            folder.mkdir(parents=True)
        self.upper.chmod(0o755)
        layers = ":".join(map(_escaped, self.lowers))
        options = f"lowerdir={layers},upperdir={_escaped(self.upper)},workdir={_escaped(work)},volatile"
        try:
            host.run("mount", "-t", "overlay", "overlay", "-o", options, self.root)
        except SandboxError as error:
            hint = "keep the sandbox's state folder on an ordinary disk, no overlay and no network share"
            raise SandboxError("make a machine's disk", cause=error, hint=hint) from error

    def unmount(self) -> None:
        if self.root.is_mount():
            host.run("umount", "--lazy", self.root)


class Snapshots:
    """Copies of disks' top layers, each with the list of the layers below it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, disk: Disk, snapshot_id: str) -> int:
        """Copy what the disk has above its lower layers, while the machine may be running; how many bytes."""
        target = self._place(snapshot_id)
        unfinished = target.with_suffix(".unfinished")
        unfinished.mkdir(parents=True)
        # In a layer a removed file is a device, and marks are attributes: cp copies both as they are.
        host.run("cp", "--archive", "--reflink=auto", disk.upper, unfinished / "layer", timeout=600)
        (unfinished / "lowers.json").write_text(json.dumps([str(lower) for lower in disk.lowers]))
        unfinished.rename(target)
        return int(host.run("du", "--summarize", "--bytes", target / "layer", timeout=60).split()[0])

    def forget(self, snapshot_id: str) -> None:
        """No new disk starts from it; the layer stays, as disks may stand on it."""
        place = self._place(snapshot_id)
        if place.is_dir():
            (place / "lowers.json").unlink(missing_ok=True)

    def layers(self, snapshot_id: str) -> tuple[Path, ...] | None:
        """The layers of a disk that starts from this snapshot, top first; None if there is no such one."""
        place = self._place(snapshot_id)
        if not (place / "lowers.json").is_file():
            return None
        lowers = json.loads((place / "lowers.json").read_text())
        return (place / "layer", *map(Path, lowers))

    def _place(self, snapshot_id: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", snapshot_id):
            raise SandboxError("find a snapshot", whom=snapshot_id, cause="this is no snapshot's id")
        return self._folder / snapshot_id


class Trash:
    """Deletes big folders without making anybody wait."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers: list[Thread] = []

    def throw(self, folder: Path) -> None:
        if not folder.exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        place = self._folder / uuid.uuid4().hex
        folder.rename(place)
        worker = Thread(target=shutil.rmtree, args=(place,), kwargs={"ignore_errors": True}, daemon=True)
        worker.start()
        self._workers = [*filter(Thread.is_alive, self._workers), worker]

    def empty(self) -> None:
        """Wait until all that was thrown is gone."""
        for worker in self._workers:
            worker.join()
        shutil.rmtree(self._folder, ignore_errors=True)


def try_out(state: Path, lower: Path) -> None:
    """Mount a disk and take it away again; SandboxError where this file system cannot carry one."""
    trial = Disk(state / "trial", (lower,))
    shutil.rmtree(trial.folder, ignore_errors=True)
    try:
        trial.mount()
        trial.unmount()
    finally:
        shutil.rmtree(trial.folder, ignore_errors=True)


def unmount_below(folder: Path) -> None:
    """Unmount everything that is mounted below `folder`, whoever mounted it."""
    prefix = f"{folder.resolve()}{os.sep}"
    fields = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    points = [_unescaped(words[4]) for words in fields]
    for point in reversed([point for point in points if point.startswith(prefix)]):
        host.run("umount", "--lazy", point)


def _escaped(path: Path) -> str:
    return re.sub(r"([\\:,])", r"\\\1", str(path))


def _unescaped(point: str) -> str:
    """The kernel writes blanks and backslashes of a mount point as octal numbers (proc(5))."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)
