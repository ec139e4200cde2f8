"""Where the playbooks of many servers wait for one another, so that all are surely at work at once."""

import socket
from contextlib import ExitStack
from typing import Self

from provisioner.workspace import Workspace
from tests.benchmarks.process import Process

_LONGEST_WAIT = 180
_TASK = """\
  - name: Meet the others
    changes: false
    timeout: {seconds}
    run: exec 5<>/dev/tcp/{address}/{port} && read -r word <&5
"""


class Meeting:
    """Its place is an address of this machine that servers reach; use as a context manager."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._open = ExitStack()
        self._door = self._open.enter_context(socket.create_server((address, 0), backlog=128))
        self._door.settimeout(1)
        self._guests: list[socket.socket] = []

    def invite(self, workspace: Workspace, playbook: str) -> None:
        """Have this playbook of the workspace wait here as its last task."""
        task = _TASK.format(address=self._address, port=self._door.getsockname()[1], seconds=_LONGEST_WAIT)
        with (workspace.playbooks_dir / playbook / "playbook.yaml").open("a") as file:
            file.write(task)

    def gather(self, number: int, process: Process) -> None:
        """Until so many are here; AssertionError if the process that sends them ends before."""
        while len(self._guests) < number:
            assert not process.ended, f"only {len(self._guests)} of {number} came: {process.said}"
            try:
                guest, _ = self._door.accept()
            except TimeoutError:
                continue
            self._guests.append(self._open.enter_context(guest))

    def dismiss(self) -> None:
        """Let all go on."""
        for guest in self._guests:
            guest.sendall(b"go\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
