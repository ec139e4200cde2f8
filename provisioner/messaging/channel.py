"""The contract of a channel: a platform over which a customer talks to their Moltbot.

What is particular to one platform, the fields that it has in the record too, stands in its own folder beside
this file; `registry` knows which there are. Whether a customer is connected is told by their record alone:
`customers.done`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.settings import Settings
from provisioner.step import Outcome, Waiting, Work


@dataclass(frozen=True)
class ChannelTrouble:
    """Something wrong: with whom or what, and what to do about it. `kind` is settings, token or bot."""

    kind: str
    whom: str
    problem: str
    hint: str


@dataclass(frozen=True)
class ChannelCheck:
    """What was looked at, and what is wrong there."""

    looked: tuple[str, ...] = ()
    troubles: tuple[ChannelTrouble, ...] = ()


@dataclass(frozen=True)
class Reset:
    """The customer as they are now, and as they were `before` somebody else's traces were removed."""

    customer: Customer
    before: Customer
    is_open: bool
    """Whether anybody who comes first becomes the customer next time: nothing tells them from others."""
    goes_on: bool
    """Whether their server goes on talking to who was there before, until they are connected anew."""

    @property
    def changed(self) -> bool:
        """Whether there was anything to remove."""
        return self.customer != self.before


@dataclass(frozen=True)
class Accepted:
    """What was typed in for a field, as the record has it; `remark` is what the operator should read."""

    value: str
    remark: str = ""


class ChannelEmails(ABC):
    """What the e-mails say about a customer's channel."""

    @abstractmethod
    def variables(self, customer: Customer) -> Mapping[str, object]:
        """What is known now; what is not known is empty."""

    @abstractmethod
    def preview(self, settings: Settings, customer: Customer) -> tuple[Mapping[str, object], bool]:
        """What an e-mail of the next run says, and whether that is made already; looking makes nothing."""

    @abstractmethod
    def prepare(self, work: Work) -> None:
        """Have in the record what the contact e-mail says."""

    @abstractmethod
    def untrue(self, name: str, customer: Customer) -> str:
        """What the e-mail of this name would say that is not so; empty if it may be sent."""

    @abstractmethod
    def needless(self, customer: Customer) -> frozenset[str]:
        """The names of the e-mails that this customer does not need any more."""


class Channel(ABC):
    """One platform, from "paid" to the first message and after."""

    name: ClassVar[str]
    emails: ChannelEmails

    def needs(self, settings: Settings, customer: Customer) -> list[str]:  # noqa: ARG002 - for those that do
        """What is missing to connect this customer, as instructions; asked before anything is spent."""
        return []

    @abstractmethod
    def begin(self, work: Work) -> None:
        """What can be done before the server is there."""

    def preconfigure(self, work: Work) -> None:  # noqa: B027 - most have nothing to do then
        """Put what is known already on the server, before its gateway starts for the first time.

        Then it need not be configured anew; where nothing is known yet, `connect` does it all.
        """

    @abstractmethod
    def playbooks(self, settings: Settings) -> Mapping[str, Mapping[str, object]]:
        """Those that configure a gateway for it, by name, with the variables that all customers share."""

    @abstractmethod
    def connect(self, work: Work) -> Outcome:
        """Connect the customer to their Moltbot.

        Done means that the record has, under `setup.messaging`: `connected`, `connectedOver` with this
        channel's name, `userId`, and `dropletId`. `customers.done` asks for them (older records may lack
        the last).
        """

    @abstractmethod
    def greet(self, work: Work, text: str) -> Waiting | None:
        """Send the first message, once; or what is waited for."""

    @abstractmethod
    def arrived(self, work: Work) -> bool:
        """A cheap look at whether what `connect` or `greet` wait for has come; the record tells what it is.

        True where it does not: trying again does.
        """

    @abstractmethod
    def tell(self, work: Work, text: str) -> None:
        """Send a message that is not worth stopping for: what goes wrong is only said."""

    @abstractmethod
    def sender(self, customer: Customer) -> str:
        """What the customer's assistant is called on the platform."""

    def credential_needs(self, settings: Settings, customer: Customer) -> list[str]:  # noqa: ARG002
        """What is missing to give this customer's assistant another credential, as instructions."""
        return []

    @abstractmethod
    def credential(self, customer: Customer) -> str | None:
        """The secret with which the customer's assistant is let in on the platform; None if we have none."""

    @abstractmethod
    def replace_credential(self, work: Work, old: str, then: Mapping[str, object]) -> Waiting | None:
        """Have another one in the place of `old`: on the server, in the record, and `old` refused; or what
        is waited for.

        `then` are fields that are written together with the new one, when all of that is proven.
        """

    @abstractmethod
    def check(
        self,
        settings: Settings,
        customers: Sequence[Customer],
        archived: Sequence[Customer],
        seconds: float,
        say: Callable[[str], None],
    ) -> ChannelCheck:
        """What can be seen to be wrong, without an effect; no answer is waited for longer than `seconds`.

        `customers` are on any platform. What the `archived` had may be gone. `say` is told how far it is.
        """

    @abstractmethod
    def waiting(self, settings: Settings, customer: Customer, seconds: float) -> int | None:
        """How many messages to the assistant wait on the platform to be taken; None where it cannot say.

        Asking takes none of them. No answer is waited for longer than `seconds`.
        """

    @abstractmethod
    def reset(self, store: CustomerStore, who: str, username: str | None, *, force: bool) -> Reset:
        """Forget who was taken for the customer, and all that came of it; the next run begins anew.

        `username` is the customer's on the platform. InputError for one who has gone, and, unless forced,
        where it would undo what is in use; BusyError while a run is at work. Done twice it changes nothing.
        """

    @abstractmethod
    def accept(
        self,
        field: str,
        word: str,
        customer: Customer,
        store: CustomerStore,
        settings: Callable[[], Settings],
    ) -> Accepted:
        """The value of one of the fields under `setup.messaging`; InputError for what it cannot have."""

    @abstractmethod
    def next_steps(self, settings: Settings, customer: Customer) -> list[str]:
        """What the operator does for a new customer before the setup, in lines."""
