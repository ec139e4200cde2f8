"""What a store of records does, whatever keeps them: files, or a database.

The rules that every store keeps are in `rules`; `tests/customers/test_store_contract.py` is what one has to
pass.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from provisioner.errors import RecordError

if TYPE_CHECKING:
    from provisioner.customers.checkup import Checkup
    from provisioner.customers.keys import Key
    from provisioner.customers.record import Customer, Record
    from provisioner.customers.view import AnyCustomer

Read = TypeVar("Read", bound="AnyCustomer", covariant=True)


@dataclass(frozen=True)
class Found:
    """A record, and whether it is in the archive."""

    record: "Record"
    archived: bool


class Listing(NamedTuple, Generic[Read]):
    """One record: the customer in it, or what is broken about it. `name` is what the store calls it."""

    name: str
    archived: bool
    customer: Read | None = None
    broken: RecordError | None = None


AnyListing: TypeAlias = "Listing[AnyCustomer]"


@dataclass(frozen=True)
class Holder:
    """Who works on a customer: `who` in words, `since` a moment, what they are `doing`.

    `about` says the same of `who` to a program: a process's pid and host.
    """

    who: str
    since: str
    doing: str
    about: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.who} holds it since {self.since}: {self.doing}"


class CustomerStore(Protocol):
    """Finds, reads and changes customers' records; `who` is an address, in any case, or a `cust_…` id.

    What is asked for one customer raises UnknownCustomer if there is none, and RecordError if their record is
    broken, or if it cannot be told which one is meant.
    """

    def read(self, who: str) -> "Record":
        """The record as it is now."""

    def find(self, who: str) -> Found:
        """The record, and whether it is in the archive."""

    def all(self, *, archived: bool = False) -> "Iterator[Listing[Customer]]":
        """Every record of the one half or the other, the broken ones too; never raises for one of them."""

    def views(self, *, archived: bool = False) -> "Iterator[AnyListing]":
        """The same as `all`, several times as fast, for who needs no more than a list shows.

        Only that is checked; other fields may be wrong.
        """

    def having(self, *wanted: "tuple[Key, str]") -> "list[Listing[Customer]]":
        """Those who have any of what events carry, and every broken record, which may; archived ones last.

        Each was read a moment ago, and had it.
        """

    def edit(self, who: str, doing: str = "change the record") -> "AbstractContextManager[Record]":
        """The record, fresh and under its lock; durable when the context ends without an error.

        RecordError if it cannot be written, or if the change breaks a rule (the record is then as it was);
        BusyError if another change of this customer lasts too long.
        """

    def claim(self, who: str, doing: str) -> AbstractContextManager[None]:
        """Be the one process that works on this customer; BusyError says who is. Others may still `edit`.

        The claim ends with its holder, however that dies.
        """

    def holder(self, who: str) -> Holder | None:
        """The live process that has claimed this customer, if one has."""

    def holder_by_id(self, customer_id: str) -> Holder | None:
        """The same where the record was read already; only the claim is looked at."""

    def add(self, record: "Record", *, shared_subscription: bool = True) -> None:
        """Keep a new customer's record; InputError if the address or the id is there already.

        Unless a `shared_subscription` is allowed, also if another customer has the same one.
        """

    def archive(self, who: str, *, claimed: bool = False) -> bool:
        """Move the record to the archive, whole; False if it was there already.

        BusyError while a process has claimed the customer, unless that is the caller, who says so.
        """

    def restore(self, who: str) -> bool:
        """Move the record back from the archive, whole; False if it was back already."""

    def check(
        self, *, fix: bool = False, seen: "Callable[[Listing[Customer]], None] | None" = None
    ) -> "Checkup":
        """Everything that is wrong with the records; `fix` mends what has one answer.

        `seen` is told of each that can be read, as `all` would give it.
        """


@contextmanager
def read_in_bulk() -> Iterator[None]:
    """While thousands of records are read, nobody looks for garbage: there is none, and it takes long."""
    gc.disable()
    try:
        yield
    finally:
        # What was just read need not be searched while it is shown.
        gc.freeze()
        gc.enable()


def everybody(store: CustomerStore) -> "Iterator[Customer]":
    """Every customer whose record can be read, those in the archive last."""
    for archived in (False, True):
        for listing in store.all(archived=archived):
            if listing.customer is not None:
                yield listing.customer


def everybody_ever(store: CustomerStore, broken: "list[AnyListing]") -> "list[Customer]":
    """Each once, those in the archive too; what cannot be read is added to `broken`."""
    found = {}
    for archived in (False, True):
        for listing in store.all(archived=archived):
            if listing.customer is None:
                broken.append(listing)
            else:
                # Who is archived meanwhile is met twice.
                found[listing.customer.id] = listing.customer
    return list(found.values())


def customers_having(store: CustomerStore, key: "Key", value: str) -> "list[Customer]":
    """Every customer who has what an event carries, as far as records can be read."""
    return [one.customer for one in store.having((key, value)) if one.customer is not None]
