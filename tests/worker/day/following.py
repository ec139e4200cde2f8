"""What the operator does in the day: what an alert about a droplet that did not come up says, no more."""

import re
import subprocess
from dataclasses import dataclass, field

import httpx

from provisioner.sandbox.control.client import Sandbox
from provisioner.workspace import Workspace
from tests.simulated_time import SimulatedTime
from tests.worker.day.process import with_pretended_servers

_REBUILD = re.compile(r"provisioner (?:--workspace \S+ )?rebuild (\S+)")
_DELETE = re.compile(r"could not create droplet (\d+)[^\n]*\n[^\n]*delete it in the control panel")
_EVERY_HOURS = 0.25


@dataclass
class FollowingOperator:
    """Reads the alerts' e-mails every quarter of an hour."""

    sandbox: Sandbox
    workspace: Workspace
    simulated: SimulatedTime
    environment: dict[str, str]
    address: str
    _next: float = 0.0
    _typed: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    """What was typed in for each e-mail."""

    def act(self, hours: float) -> None:
        """What has come since the last look."""
        if hours < self._next:
            return
        self._next = hours + _EVERY_HOURS
        for mail in self.sandbox.mailbox():
            found = _REBUILD.search(mail.text) if self.address in mail.recipients else None
            if found is not None and self._is_to_do(mail.text):
                if broken := _DELETE.search(mail.text):
                    self._delete(broken[1])
                self._typed[mail.text] = self._rebuild(found[1])

    def wait(self) -> None:
        """Until all that was typed in has ended."""
        for one in self._typed.values():
            one.wait(60)

    def _is_to_do(self, text: str) -> bool:
        """Not done yet, or it has failed: the exit code says so."""
        typed = self._typed.get(text)
        return typed is None or (typed.poll() is not None and typed.returncode in (1, 4))

    def _delete(self, droplet: str) -> None:
        token = self.environment["DIGITALOCEAN_ACCESS_TOKEN"]
        address = f"{self.environment['DIGITALOCEAN_END_POINT']}droplets/{droplet}"
        for _ in range(5):
            try:
                httpx.delete(address, headers={"Authorization": f"Bearer {token}"}).raise_for_status()
                return
            except httpx.HTTPError:
                continue

    def _rebuild(self, email: str) -> "subprocess.Popen[bytes]":
        words = ["--workspace", str(self.workspace.root), "rebuild", email]
        command = with_pretended_servers(self.simulated, self.workspace, *words)
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
