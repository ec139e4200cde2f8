"""The shape of a step: what it is asked, what it is handed, what it ends with."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provisioner.clock import Clock
from provisioner.customers.record import Customer
from provisioner.customers.schema import awaited
from provisioner.customers.store import CustomerStore
from provisioner.errors import ProvisionerError
from provisioner.services.factory import Services
from provisioner.settings import Settings


@dataclass(frozen=True)
class Done:
    """The step's results are in the record."""


@dataclass(frozen=True)
class Waiting:
    """The step goes on when somebody has done something."""

    of_whom: str
    to_do: str
    """What they have to do: "to press Start at https://t.me/…"."""
    kind: str = ""
    """By which the step knows what to look for, from the record, in another process too: `Step.arrived`."""

    def __str__(self) -> str:
        return f"waiting for {awaited(self.of_whom, self.to_do)}"


@dataclass(frozen=True)
class Until:
    """The step goes on at this moment, and nobody has to do anything for it."""

    moment: str
    what: str
    """What happens then: "the assistant is stopped"."""

    def __str__(self) -> str:
        return f"waiting until {self.moment[:16].replace('T', ' ')} UTC, when {self.what}"


@dataclass(frozen=True)
class Failed:
    """The step ended with an error; what it had recorded stays."""

    error: ProvisionerError


Outcome = Done | Waiting | Until | Failed


@dataclass(frozen=True)
class Planned:
    """One thing that a step would do; not `needed` where it is so already.

    `behind`: it is not as the settings want it, and no run changes that by itself.
    """

    text: str
    needed: bool
    behind: bool = False


class Server(Protocol):
    """The customer's server, over one pinned connection that is opened at the first use."""

    def apply(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Bring the server to the state that the playbook describes; returns its registered values.

        Progress is said while it runs. RemoteError if it cannot be done.
        """

    def apply_together(self, playbooks: Mapping[str, Mapping[str, object]]) -> None:
        """The same for several, by their names with their variables, in one run and without secrets.

        What one of them has in the background goes on beside the next.
        """

    def plan(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> list[Planned]:
        """What `apply` would do, by asking the playbook's guards alone."""

    def run(self, command: str, *, timeout: float = 30) -> str:
        """The output of one short command as root; RemoteError if it fails or lasts over `timeout` s."""

    def fetch(self, command: str, take: Callable[[bytes], None], *, most: int) -> None:
        """Hand what a command as root prints to `take`, piece by piece; RemoteError over `most` bytes."""

    def send(self, command: str, pieces: Iterable[bytes], *, timeout: float) -> str:
        """Write these to a command as root, which ends without waiting for more; what it printed.

        RemoteError if it fails, or lasts over `timeout` seconds.
        """

    def accepts(self, private: str) -> bool:
        """Whether it lets in who has this private key, over a connection of its own; RemoteError if it does
        not answer."""

    def prepare_host_key(self) -> str:
        """Make the server's next host key there; its public line. The server still shows the old one."""

    def activate_host_key(self, public: str) -> None:
        """Have the server show the prepared key, and see that it does; `public` is in the record by then."""


class Work(Protocol):
    """What a step is handed to do its job on one customer."""

    @property
    def settings(self) -> Settings: ...

    @property
    def services(self) -> Services: ...

    @property
    def clock(self) -> Clock:
        """What a step waits by."""

    @property
    def mark(self) -> str:
        """What the droplets of this workspace carry, and no other's."""

    @property
    def customer(self) -> Customer:
        """As last written here, or seen by `refresh`."""

    def refresh(self) -> Customer:
        """The customer with what others have written since."""

    def others(self) -> Iterable[Customer]:
        """All other customers, in the archive too."""

    @property
    def store(self) -> CustomerStore:
        """All records, for what concerns more customers than this one."""

    def state_folder(self, name: str) -> Path:
        """Where this workspace keeps what is shared by all its runs under this name; it may not be there."""

    @property
    def playbooks(self) -> Path:
        """The folder of this workspace's own playbooks, which go before the shipped ones."""

    @property
    def server(self) -> Server: ...

    def record(self, event: str, details: str, fields: Mapping[str, object] | None = None) -> None:
        """Write fields (dotted path to value) and one timeline event; on disk when this returns."""

    def write(self, fields: Mapping[str, object]) -> None:
        """Write fields without an event, for intents and small things; on disk when this returns."""

    def text(self, name: str, variables: Mapping[str, object]) -> str:
        """A text for the customer ("onboarding.txt"), in the operator's words where they have changed it.

        What `Settings.known_to_texts` says is known to every text.
        """

    def say(self, text: str) -> None:
        """Tell whoever watches what is being done now; one short line."""


class Step(ABC):
    """One part of a workflow; knows from the record whether it is done, and can be run again at any point."""

    name: str

    @abstractmethod
    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        """What is missing for this step, each as an instruction; asked before anything is spent."""

    def refusals(self, settings: Settings, services: Services, customer: Customer) -> list[str]:
        """What outside services would refuse, each as an instruction; asked where nothing is missing.

        It only reads, before any effect, and gives nothing where the step needs no new effect there. A
        ProvisionerError if a service cannot be asked now: a plan ends with it, and a run goes on if that
        may pass.
        """
        return []

    @abstractmethod
    def done(self, customer: Customer) -> bool:
        """From the record alone."""

    @abstractmethod
    def plan(self, work: Work) -> list[Planned]:
        """What `run` would do now. It looks, and changes nothing."""

    def begin(self, work: Work) -> None:
        """What can be done before the step's turn, so that a person's part goes on at the same time.

        Nothing if it was done; `run` does it too. An error that no retry mends ends the run.
        """
        return

    @abstractmethod
    def run(self, work: Work) -> Outcome:
        """Do it, or go on with it. Raises ProvisionerError for what failed."""

    def arrived(self, work: Work) -> bool:
        """A cheap look at whether what `setup.waiting` tells of has been done, and `run` can go on.

        True where there is nothing to look at: running it tells.
        """
        return True
