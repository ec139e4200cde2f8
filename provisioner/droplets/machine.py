"""A server that is no customer's, over one pinned connection: what is applied to it, and run there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from provisioner.errors import RemoteError
from provisioner.playbook.execute import Execution
from provisioner.playbook.load import load
from provisioner.playbook.narrator import Narrator
from provisioner.playbook.script import together
from provisioner.secrets import Redactor
from provisioner.ssh.connection import Connection, Host, connect

OpenMachine = Callable[
    [Host, Sequence[Path], float, Callable[[str], None]], AbstractContextManager["Machine"]
]
"""Connects to a server, as `open_machine` does."""
_BOOT_GRACE_SECONDS = 60
_UNIT = "provisioner-clean"
_SCRIPT = f"/run/{_UNIT}.bash"


class Machine(Protocol):
    """What is done there."""

    def apply(self, playbooks: Mapping[str, Mapping[str, object]]) -> None:
        """Bring it to the state that these describe, by their names with their variables, in one run."""

    def run(self, script: str, *, timeout: float) -> None:
        """One script as root; RemoteError if it fails or lasts over `timeout` seconds."""

    def detach(self, script: str) -> None:
        """Start a script that outlives the connection; nothing happens if it is running."""

    def last_words(self) -> str:
        """What the detached script has said at the end; RemoteError if that cannot be read."""


class SshMachine:
    """The real one; `search` are folders whose playbooks go before the shipped ones."""

    def __init__(
        self,
        connection: Connection,
        whom: str,
        search: Sequence[Path],
        patience: float,
        say: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._whom = whom
        self._search = search
        self._patience = patience
        self._say = say

    def apply(self, playbooks: Mapping[str, Mapping[str, object]]) -> None:
        script = together((load(name, self._search), values) for name, values in playbooks.items())
        Execution(
            self._connection,
            script,
            listen=Narrator(script.playbook, self._say),
            patience=self._patience,
        ).apply()

    def run(self, script: str, *, timeout: float) -> None:
        self._demand(script, timeout=timeout)

    def detach(self, script: str) -> None:
        start = (
            f"systemctl --quiet is-active {_UNIT} && exit 0\n"
            f"cat > {_SCRIPT}\n"
            f"systemctl reset-failed {_UNIT} 2> /dev/null\n"
            f"exec systemd-run --quiet --unit {_UNIT} --property DefaultDependencies=no bash {_SCRIPT}\n"
        )
        self._demand(start, timeout=30, given=script.encode())

    def last_words(self) -> str:
        command = f"journalctl --quiet --unit {_UNIT} --lines 3 --output cat"
        return self._connection.run(command).out.strip()

    def _demand(self, command: str, *, timeout: float, given: bytes = b"") -> None:
        result = self._connection.run(command, timeout=timeout, input=given)
        if result.exit != 0:
            cause = f"exit code {result.exit}: {result.complaint(Redactor())}"
            raise RemoteError("prepare the server", whom=self._whom, cause=cause, retry=True)


@contextmanager
def open_machine(
    host: Host, search: Sequence[Path], deadline: float, say: Callable[[str], None]
) -> Iterator[Machine]:
    """A connection for as long as the block lasts; RemoteError within `deadline` seconds.

    `host` says whose server it is, as errors call them.
    """
    say(f"connecting to {host.owner}")
    connection = connect(
        host,
        deadline=deadline,
        grace=_BOOT_GRACE_SECONDS,
        waiting=lambda why: say(f"{host.owner} does not answer yet: {why}"),
    )
    with closing(connection):
        yield SshMachine(connection, host.owner, search, deadline, say)
