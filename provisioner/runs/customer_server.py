"""A customer's server as the steps see it: one pinned connection, opened when it is first needed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from provisioner.customers.handing_over import is_handed_over
from provisioner.customers.record import Customer
from provisioner.errors import InputError, RemoteError
from provisioner.playbook.execute import Execution
from provisioner.playbook.load import load
from provisioner.playbook.model import Playbook
from provisioner.playbook.narrator import Narrator
from provisioner.playbook.script import Script, render, together
from provisioner.printable import command
from provisioner.reasons import DISK_FULL_HINT, says_disk_full
from provisioner.secrets import Redactor
from provisioner.settings import Settings
from provisioner.ssh.connection import Connection, Host, LoginRefused, Result, connect, host_key_lines
from provisioner.ssh.host_keys import activate_host_key, prepare_host_key, prove_host_key
from provisioner.ssh.keys import operator_key
from provisioner.ssh.stream import Stream
from provisioner.step import Planned

_BOOT_GRACE_SECONDS = 60
"""A droplet that boots may for a moment show other host keys, or refuse ours; afterwards it may not."""
_SILENCE_SECONDS = 60.0
_END_SECONDS = 10.0
_MOST_WORDS = 1 << 20
"""What a command may say beside what is fetched from it, in bytes."""


class CustomerServer:
    """The server of one customer in one run.

    `customer` gives the record as it stands; `playbooks` is the workspace's folder, which goes first.
    `still_there` raises a ProvisionerError if the droplet is gone, or its address is another server's now;
    it is asked when the server does not answer as it should.
    """

    def __init__(
        self,
        customer: Callable[[], Customer],
        playbooks: Path,
        settings: Settings,
        redact: Redactor,
        say: Callable[[str], None],
        still_there: Callable[[], None] | None = None,
    ) -> None:
        self._customer = customer
        self._playbooks = playbooks
        self._settings = settings
        self._redact = redact
        self._say = say
        self._still_there = still_there
        self._connection: Connection | None = None

    def apply(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Bring the server to the state that the playbook describes; its registered values."""
        return self._execution(playbook, variables, secrets).apply().registered

    def apply_together(self, playbooks: Mapping[str, Mapping[str, object]]) -> None:
        """Apply several, by their names with their variables, in one run."""
        self._of(together((self._loaded(name), values) for name, values in playbooks.items())).apply()

    def plan(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> list[Planned]:
        """What applying the playbook would do, by asking its guards; nothing is changed."""
        report = self._execution(playbook, variables, secrets).plan()
        # A task that only looks or waits is asked too, and never changes anything.
        return [Planned(f"{playbook}: {task.name}", task.changed) for task in report.tasks]

    def _execution(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None
    ) -> Execution:
        return self._of(render(self._loaded(playbook), variables), secrets)

    def _loaded(self, playbook: str) -> Playbook:
        return load(playbook, [self._playbooks])

    def _of(self, script: Script, secrets: Mapping[str, str] | None = None) -> Execution:
        return Execution(
            self._connected(),
            script,
            secrets=secrets,
            redact=self._redact,
            listen=Narrator(script.playbook, self._say),
            patience=self._settings.droplet.ssh_seconds,
        )

    def run(self, command: str, *, timeout: float = 30) -> str:
        """The output of one short command as root."""
        result = self._connected().run(command, timeout=timeout)
        self._demand_well(command, result)
        return result.out

    def fetch(self, command: str, take: Callable[[bytes], None], *, most: int) -> None:
        """Hand what a command as root prints to `take`, piece by piece."""
        with self._connected().stream(command, most=most + _MOST_WORDS) as stream:
            self._demand_well(command, _followed(stream, take))

    def send(self, command: str, pieces: Iterable[bytes], *, timeout: float) -> str:
        """Write these to a command as root; what it printed."""
        out = bytearray()
        with self._connected().stream(command, timeout=timeout, most=_MOST_WORDS) as stream:
            for piece in pieces:
                stream.send(piece)
            self._demand_well(command, _followed(stream, out.extend, timeout))
        return out.decode("utf-8", "replace")

    def _demand_well(self, command: str, result: Result) -> None:
        """RemoteError unless the command ended well."""
        if result.exit:
            said = result.complaint(self._redact)
            cause = f"exit code {result.exit}: {said}"
            hint = DISK_FULL_HINT if says_disk_full(said) else None
            raise RemoteError(f"run {command.split()[0]}", whom=str(self._host()), cause=cause, hint=hint)

    def accepts(self, private: str) -> bool:
        """Whether it lets in who has this private key."""
        host = replace(self._host(), key=private)
        try:
            connect(host, deadline=self._settings.droplet.ssh_seconds, still_there=self._still_there).close()
        except LoginRefused:
            return False
        return True

    def prepare_host_key(self) -> str:
        """Make the server's next host key there; its public line."""
        return prepare_host_key(self._connected())

    def activate_host_key(self, public: str) -> None:
        """Have the server show the prepared key, and go on over a connection on which it has proven it."""
        activate_host_key(self._connected(), public)
        self.close()
        self._connection = prove_host_key(self._host(), public)

    def close(self) -> None:
        """Let go of the connection; what runs on the server goes on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        if self._connection is not None and self._connection.host.address != self._host().address:
            # The customer has another server since.
            self.close()
        if self._connection is None:
            settled = self._customer().setup.moltbot.installed
            self._say("connecting")
            self._connection = connect(
                self._host(),
                deadline=self._settings.droplet.ssh_seconds,
                grace=0 if settled else _BOOT_GRACE_SECONDS,
                waiting=lambda why: self._say(f"the server does not answer yet: {why}"),
                still_there=self._still_there,
            )
        elif not self._connection.alive:
            self._connection.reopen(deadline=self._settings.droplet.ssh_seconds)
        return self._connection

    def _host(self) -> Host:
        return host_of(self._customer(), self._settings)


def _followed(stream: Stream, take: Callable[[bytes], object], silence: float = _SILENCE_SECONDS) -> Result:
    """How the command ended, when all that it printed was taken."""
    said = bytearray()
    while True:
        out, err = stream.receive(silence)
        if not out and not err:
            break
        said += err
        take(out)
    return Result(stream.exit_status(_END_SECONDS), "", said.decode("utf-8", "replace"))


def host_of(customer: Customer, settings: Settings) -> Host:
    """Where the customer's server is and how it proves itself; InputError while there is none.

    SettingsError if the operator's key could not log in there. One that was handed over is nobody's here.
    """
    if is_handed_over(customer):
        cause = "their server was handed over: it is theirs, and takes no key of ours"
        raise InputError("reach the server", whom=customer.email, cause=cause)
    droplet = customer.setup.droplet
    host_keys = host_key_lines([droplet.host_key, droplet.next_host_key])
    if not droplet.ip or not host_keys:
        hint = command("provision", customer.email)
        cause = "the record has no address" if not droplet.ip else "the record has no host key of it"
        raise InputError("reach the server", whom=customer.email, cause=cause, hint=hint)
    private = operator_key(settings.ssh.key).private
    return Host(droplet.ip, host_keys, private, settings.ssh.port, owner=customer.email)
