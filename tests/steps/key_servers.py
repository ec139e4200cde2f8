"""A server with files of keys on it, whose gateway asks the model with the one that it is told."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from provisioner.failpoints import failpoint
from provisioner.steps.answer import ANSWERS
from tests.openrouters import ServedAccount
from tests.steps.support import READY, MemoryServer

REFUSED = '{"answers": false, "reason": "Key limit exceeded (HTTP 403)"}\n'


@dataclass
class KeyServer(MemoryServer):
    """As the playbook `moltbot` leaves it: one file, and the gateway uses that one."""

    router: ServedAccount = None  # type: ignore[assignment]
    files: dict[str, str] = field(default_factory=dict)
    used: str = ""
    """The mark of the key that the gateway uses."""

    def apply(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        failpoint(f"before the playbook {playbook}")
        super().apply(playbook, variables, secrets)
        if playbook == "moltbot":
            self.used = str(variables["key_mark"])
            if not variables["own_key"]:
                self.files[self.used] = dict(secrets or {})["ANTHROPIC_API_KEY"]
            assert self.used in self.files, "the playbook demands the key's file"
            self.files = {self.used: self.files[self.used]}
        failpoint(f"after the playbook {playbook}")
        return {"version": "2026.9.6"} if playbook == "moltbot" else {}

    def run(self, command: str, *, timeout: float = 30) -> str:
        if ANSWERS in command:
            status = self.router.answers(self.files[self.used]) if self.used else 401
            return READY if status == 200 else REFUSED
        if "echo there" in command:
            return "there\n" if shlex.split(command)[-1] in self.files else ""
        return super().run(command, timeout=timeout)

    def send(self, command: str, pieces: Iterable[bytes], *, timeout: float) -> str:
        self.files[shlex.split(command)[-1]] = b"".join(pieces).decode().strip()
        return ""

    def fetch(self, command: str, take: Callable[[bytes], None], *, most: int) -> None:
        take(self.files.get(shlex.split(command)[-1], "").encode())

    def close(self) -> None:
        """As a connection."""
