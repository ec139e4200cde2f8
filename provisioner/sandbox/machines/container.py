"""One machine's running system: systemd-nspawn in a control group of its own, watched by a thread."""

import os
import re
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock, Thread
from typing import Final

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import host, memory
from provisioner.sandbox.machines.cgroup import ControlGroup
from provisioner.sandbox.machines.interface import MemoryUse

SHUTDOWN_WITHIN: Final = 60.0
_INIT_WITHIN: Final = 30.0
_MEMINFO: Final = "/run/host/meminfo"
_REBOOTS: Final = 133
"""The exit code of systemd-nspawn when the system inside asked for a restart (its manual, --keep-unit)."""


@dataclass(frozen=True)
class Boot:
    """What a system is booted from, and as whom."""

    name: str
    root: Path
    namespace: Path
    console: Path
    meminfo: Path
    """Where the file is made that the system sees as /proc/meminfo."""

    def command(self) -> list[str]:
        meminfo = re.sub(r"([\\:])", r"\\\1", str(self.meminfo))
        return [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--keep-unit",
            "--register=no",
            f"--machine={self.name}",
            f"--directory={self.root}",
            f"--network-namespace-path={self.namespace}",
            # A namespace made elsewhere costs this capability, and with it the machine's own firewall.
            "--capability=CAP_NET_ADMIN",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=read-only",
            f"--bind-ro={meminfo}:{_MEMINFO}",
        ]


class Container:
    """Switches one machine's system on and off; a system that restarts itself is started again."""

    def __init__(self, boot: Boot, memory: int) -> None:
        self.boot = boot
        self.memory = memory
        """In MiB, from the next start on."""
        self._group = ControlGroup(boot.name)
        self._lock = RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: Thread | None = None
        self.halted = False
        """Whether the system has switched itself off."""

    @property
    def running(self) -> bool:
        return self._process is not None

    def memory_use(self) -> MemoryUse | None:
        """None while it is off, and where nothing limits it."""
        return memory.read(self._group.folders)

    def start(self) -> None:
        """Boot, and return when the system's init runs; nothing happens if it is on."""
        with self._lock:
            if self._process is None:
                self.halted = False
                self._process = process = self._spawn()
                self._watcher = Thread(target=self._watch, args=(process,), daemon=True)
                self._watcher.start()

    def kill(self) -> None:
        """Pull the plug; nothing happens if it is off."""
        with self._lock:
            self._process = None
            self._group.kill()
        if self._watcher is not None:
            self._watcher.join()
        self._group.remove()

    def shut_down(self, within: float = SHUTDOWN_WITHIN) -> None:
        """Ask the system to halt, and pull the plug if it has not after `within` seconds."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.terminate()
            _wait(process, within)
        self.kill()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        self._group.kill()
        self._group.remove()
        self._group.create()
        memory.limit(self._group.folders, self.memory)
        self.boot.meminfo.write_text(memory.as_meminfo(self.memory))
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready,
            self.boot.console.open("ab") as console,
        ):
            address = f"{self.boot.name}-{os.getpid()}-{time.monotonic_ns()}"
            ready.bind("\0" + address)
            process = subprocess.Popen(
                self._group.entering(self.boot.command()),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=_environment(address),
            )
            init = self._await_init(process, ready)
        self._show_memory(process, init)
        return process

    def _await_init(self, process: "subprocess.Popen[bytes]", ready: socket.socket) -> int:
        """The process id of the system's init."""
        deadline = time.monotonic() + _INIT_WITHIN
        ready.settimeout(0.1)
        told = b""
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(TimeoutError):
                told += ready.recv(4096) + b"\n"
            if b"READY=1" in told:
                return int(told.partition(b"X_NSPAWN_LEADER_PID=")[2].split()[0])
        self._group.kill()
        process.wait()
        said = self.boot.console.read_text(errors="replace").strip()[-400:]
        raise SandboxError("start a machine", whom=self.boot.name, cause=said or "its init did not start")

    def _show_memory(self, process: "subprocess.Popen[bytes]", init: int) -> None:
        """Cover /proc/meminfo, which has the host's memory; systemd-nspawn mounts /proc too late to do it."""
        try:
            host.run("nsenter", f"--target={init}", "--mount", "mount", "--bind", _MEMINFO, "/proc/meminfo")
        except SandboxError:
            self._group.kill()
            process.wait()
            raise

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        while process.wait() == _REBOOTS:
            with self._lock:
                if self._process is not process:
                    return
                self._process = None
                # Why it failed is at the end of the console's log already.
                with suppress(SandboxError):
                    self._process = process = self._spawn()
        with self._lock:
            if self._process is process:
                self._process = None
                self.halted = True


def _environment(notify: str) -> dict[str, str]:
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "NOTIFY_SOCKET": f"@{notify}",
        # /tmp belongs to the disk, as it does on a cloud server.
        "SYSTEMD_NSPAWN_TMPFS_TMP": "0",
    }


def _wait(process: "subprocess.Popen[bytes]", within: float) -> None:
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        return
