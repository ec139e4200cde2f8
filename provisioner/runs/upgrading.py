"""Upgrades of many: whom one is for, from the records alone, and who goes back with those that fail."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.customers.record import Customer
from provisioner.customers.store import Listing
from provisioner.customers.versions import LEAST, VERSION, is_older
from provisioner.customers.wanted import wanted_of
from provisioner.errors import InputError, RecordError
from provisioner.runs.behind import has_what_is_applied
from provisioner.runs.fleet import JobResult
from provisioner.runs.waves import Waved
from provisioner.settings import Settings
from provisioner.steps.upgrading.errors import VersionRefused
from provisioner.steps.upgrading.steps import demand_upgradable
from provisioner.workspace import Workspace

if TYPE_CHECKING:
    from provisioner.customers.view import AnyCustomer

_DOING = "upgrade"


@dataclass(frozen=True)
class Chosen:
    """Who would be upgraded, who has the version already, and who a newer one.

    The `pinned` are to have a version of their own, as their record or the plan of their price says; only who
    names them upgrades them.
    """

    behind: list[Customer] = field(default_factory=list)
    so_already: list[Customer] = field(default_factory=list)
    newer: list[Customer] = field(default_factory=list)
    pinned: list[Customer] = field(default_factory=list)


def demand_version(version: str) -> str:
    """The same; InputError for what is none, or is older than what is supported."""
    if VERSION.fullmatch(version) is None:
        hint = "a number as npm has it, such as 2026.9.6"
        raise InputError(_DOING, cause=f"{version!r} is no version", hint=hint)
    if is_older(version, LEAST):
        raise InputError(_DOING, cause=f"{version} is older than {LEAST}, the least that is supported")
    return version


def choose(
    workspace: Workspace,
    settings: Settings,
    version: str,
    whom: Sequence[str] = (),
    broken: Callable[[Listing[Customer]], object] = lambda _: None,
) -> Chosen:
    """Of these, or of all whose assistant is installed; `broken` is told what cannot be read.

    InputError for one who is named and cannot have the version, as it is older than what they have.
    """
    chosen, store = Chosen(), workspace.store()
    for who in whom:
        customer = store.read(who).customer
        demand_upgradable(customer, version)
        _sort(chosen, customer, version)
    for listing in () if whom else store.all():
        if listing.customer is None:
            broken(listing)
        elif has_what_is_applied(listing.customer) and _is_pinned(listing.customer, settings, version):
            chosen.pinned.append(listing.customer)
        elif has_what_is_applied(listing.customer):
            _sort(chosen, listing.customer, version)
    return chosen


def under_way(workspace: Workspace, whom: Sequence[str] = ()) -> "list[AnyCustomer]":
    """Those of these, or of all, whose upgrade was begun and is not over; what cannot be read is left out."""
    store = workspace.store()
    found: list[AnyCustomer] = []
    for who in whom:
        with suppress(RecordError):
            found.append(store.read(who).customer)
    if not whom:
        found += [one.customer for one in store.views() if one.customer is not None]
    return [customer for customer in found if customer.setup.upgrade is not None]


def to_go_back(
    waved: Waved, customers: Sequence[Customer], version: str, canary: int
) -> dict[str, list[str]]:
    """The canaries who are to have again what they had, by that version; `customers` as they were before.

    A version that fails its gates in the wave after the canaries is none to stay with. The old one gets their
    state as it is, so that nothing is lost; where it does not pass the gates with it, the new one stays.
    """
    upgraded = [one.who for one in waved.results if _has(one, version)]
    refused = any(isinstance(one.error, VersionRefused) for one in waved.results)
    found: dict[str, list[str]] = {}
    if refused and len(upgraded) <= canary:
        before = {one.email: one.setup.moltbot.version for one in customers}
        for who in upgraded:
            if (old := before[who]) is not None:
                found.setdefault(old, []).append(who)
    return found


def _has(job: JobResult, version: str) -> bool:
    customer = job.result.customer if job.result and not job.error else None
    return customer is not None and customer.setup.moltbot.version == version


def _is_pinned(customer: Customer, settings: Settings, version: str) -> bool:
    """Whether the customer is to have another version; one that is being upgraded goes on."""
    own = wanted_of(customer, settings).version
    return customer.setup.upgrade is None and own.source != "settings" and own.value != version


def _sort(chosen: Chosen, customer: Customer, version: str) -> None:
    there, upgrade = customer.setup.moltbot.version, customer.setup.upgrade
    if upgrade is not None or there is None or is_older(there, version):
        chosen.behind.append(customer)
    elif there == version:
        chosen.so_already.append(customer)
    elif is_older(version, there):
        chosen.newer.append(customer)
    else:
        chosen.behind.append(customer)
