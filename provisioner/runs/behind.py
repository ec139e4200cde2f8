"""Which servers are behind what playbooks and settings are today, as the records say."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from provisioner.customers.done import is_done
from provisioner.customers.handing_over import is_handing_over
from provisioner.customers.lifecycle import has_left
from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.customers.store import Listing
from provisioner.customers.wanted import Wanted, wanted_of
from provisioner.messaging.registry import CHANNELS
from provisioner.settings import Settings
from provisioner.steps.applied import Parts, differences, wanted_parts
from provisioner.workspace import Workspace


@dataclass(frozen=True)
class Behind:
    """A customer whose assistant is installed, and in what their server is behind, if it is."""

    customer: Customer
    differences: tuple[str, ...]


class WantedParts:
    """What servers would be brought to now, by the customer's channel and model; each is read once."""

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        self._settings = settings
        self._search = [workspace.playbooks_dir]
        self._of: Callable[[str, str], Parts] = cache(self._read)

    def of(self, customer: Customer) -> Parts:
        """The parts for this customer. PlaybookError if one cannot be read."""
        return self._parts(customer, wanted_of(customer, self._settings))

    def behind(self, customer: Customer) -> tuple[str, ...]:
        """In what this customer's server is behind. PlaybookError if a playbook cannot be read."""
        wanted = wanted_of(customer, self._settings)
        parts = self._parts(customer, wanted)
        return tuple(differences(customer.setup.moltbot.applied, parts, wanted.model.whence))

    def _parts(self, customer: Customer, wanted: Wanted) -> Parts:
        return self._of(customer.setup.messaging.platform_name, wanted.model.value)

    def _read(self, platform: str, model: str) -> Parts:
        moltbot = self._settings.moltbot.model_copy(update={"model": model})
        settings = self._settings.model_copy(update={"moltbot": moltbot})
        make = CHANNELS.get(platform)
        channel = make().playbooks(settings) if make else {}
        return wanted_parts(settings, self._search, channel)


def look_who_is_behind(
    workspace: Workspace,
    settings: Settings,
    whom: Sequence[str] = (),
    broken: Callable[[Listing[Customer]], object] = lambda _: None,
) -> Iterator[Behind]:
    """Each of these, or of all whose assistant is installed; `broken` is told what cannot be read.

    PlaybookError if a playbook of today cannot be read, and UnknownCustomer for who is in no record.
    """
    wanted = WantedParts(workspace, settings)
    for customer in _chosen(workspace, whom, broken):
        yield Behind(customer, wanted.behind(customer))


def has_what_is_applied(customer: Customer) -> bool:
    """Whether an assistant of theirs runs, whose server could be behind."""
    is_looked_after = not has_left(customer.status) and not is_handing_over(customer)
    return is_done(customer, "moltbot") and is_looked_after and not is_paused(customer)


def _chosen(
    workspace: Workspace, whom: Sequence[str], broken: Callable[[Listing[Customer]], object]
) -> Iterator[Customer]:
    store = workspace.store()
    for who in whom:
        yield store.read(who).customer
    for listing in () if whom else store.all():
        if listing.customer is None:
            broken(listing)
        elif has_what_is_applied(listing.customer):
            yield listing.customer
