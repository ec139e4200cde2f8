"""`provisioner serve` whose customers' servers are pretended: behind the droplets of the sandbox is nothing.

`python -m tests.simulated_time TIME tests.worker.day.servers FOLDER serve …`. Everything else is the real
process. As long as FOLDER has the file `trouble`, one in `_ONE_IN` calls to a server fails, and all that
install something do on the servers of customers whose address begins with `broken`.
"""

import gzip
import hashlib
import io
import json
import random
import sys
import tarfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from provisioner.backups.scripts import READ, shipped_script
from provisioner.clock import SYSTEM_CLOCK
from provisioner.customers.record import Customer
from provisioner.errors import ConnectionLost, TaskFailed
from provisioner.runs import customer_server
from provisioner.ssh.keys import generate_keypair
from provisioner.step import Planned
from provisioner.steps.answer import ANSWERS
from provisioner.steps.audit import AUDIT

TROUBLE = "trouble"
_ONE_IN = 25
_SECONDS = {"together": 90.0, "moltbot": 40.0, "telegram": 5.0}
"""What playbooks take."""
_PACKING_SECONDS = 20.0
_CREATE = shipped_script("create.bash")


class _Chance:
    """Which call fails; the same for the same order of calls."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._trouble = folder / TROUBLE
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        return self._trouble.exists()

    def strikes(self) -> bool:
        with self._lock:
            return self._random.randrange(_ONE_IN) == 0 and self.is_on


_chance = _Chance(Path(sys.argv[1] if len(sys.argv) > 1 else "/nowhere"), 1)


class PretendServer:
    """In the place of `CustomerServer`."""

    def __init__(self, customer: Callable[[], Customer], *_: object) -> None:
        self._customer = customer

    def apply(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        self._installs(playbook)
        return {"version": "2026.9.6"} if playbook == "moltbot" else {}

    def apply_together(self, playbooks: Mapping[str, Mapping[str, object]]) -> None:
        self._installs("together")

    def plan(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> list[Planned]:
        return []

    def run(self, command: str, *, timeout: float = 30) -> str:
        self._reached()
        if command == _CREATE:
            SYSTEM_CLOCK.sleep(_PACKING_SECONDS)
            packed = _backup_of(self._customer().id)
            return json.dumps({"size": len(packed), "sha256": hashlib.sha256(packed).hexdigest()})
        if ANSWERS in command:
            return '{"answers": true, "text": "READY"}'
        return '{"critical": [], "warnings": 1}' if AUDIT in command else ""

    def fetch(self, command: str, take: Callable[[bytes], None], *, most: int) -> None:
        assert command == READ, command
        self._reached()
        take(_backup_of(self._customer().id))

    def send(self, command: str, pieces: Iterable[bytes], *, timeout: float) -> str:
        raise AssertionError("nothing is sent in this day")

    def prepare_host_key(self) -> str:
        self._reached()
        return generate_keypair("next").public

    def activate_host_key(self, public: str) -> None:
        self._reached()

    def close(self) -> None:
        return

    def _installs(self, what: str) -> None:
        self._reached()
        SYSTEM_CLOCK.sleep(_SECONDS[what])
        if self._customer().email.startswith("broken") and _chance.is_on:
            raise self._failed(what, "E: no space left on the moon")

    def _reached(self) -> None:
        if _chance.strikes():
            ip = str(self._customer().setup.droplet.ip)
            raise ConnectionLost("reach the server", whom=ip, cause="no route to it", retry=True)

    def _failed(self, what: str, output: str) -> TaskFailed:
        return TaskFailed(
            f"apply {what}",
            whom=str(self._customer().setup.droplet.ip),
            playbook=what,
            task="Install",
            exit_code=1,
            output=output,
            log="/var/log/provisioner",
        )


def _backup_of(customer_id: str) -> bytes:
    """The same archive each time."""
    whole = io.BytesIO()
    manifest = {"runtimeVersion": "2026.9.6", "assets": [{"kind": "state", "archivePath": "made/state"}]}
    files: dict[str, Any] = {"made/manifest.json": manifest, "made/state/MEMORY.md": customer_id * 500}
    with (
        gzip.GzipFile(fileobj=whole, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, content in files.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return whole.getvalue()


def main() -> None:
    customer_server.CustomerServer = PretendServer  # type: ignore[assignment,misc]
    from provisioner.cli.entry import run

    sys.argv = ["provisioner", *sys.argv[2:]]
    run()


if __name__ == "__main__":
    main()
