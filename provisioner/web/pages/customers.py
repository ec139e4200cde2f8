"""Everybody as a table: searched, filtered and sorted by what stands in the address."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from provisioner.customers.lifecycle import STATUSES
from provisioner.errors import ProvisionerError
from provisioner.web.pages.site import Page, Site, redirect
from provisioner.web.pages.situation import Standing, counted
from provisioner.web.pages.visit import Visit

_A_PAGE: Final = 50
STATES: Final = (
    "failed",
    "unhealthy",
    "unpaid",
    "interrupted",
    "running",
    "waiting",
    "new",
    "paused",
    "suspended",
    "leaving",
    "done",
)
"""What needs a person comes first, as it does where the table is sorted by it."""
_ORDER: Final = {state: number for number, state in enumerate((*STATES, "handed_over", "cancelled"))}
_SORTED_BY: Final[dict[str, Callable[[Standing], Any]]] = {
    "customer": lambda one: one.customer.email.casefold(),
    "status": lambda one: STATUSES.index(one.customer.status),
    "state": lambda one: _ORDER[one.state],
    "signed-up": lambda one: one.customer.signup_date or "",
}


@dataclass(frozen=True)
class Column:
    """A head of the table: the address that sorts by it, and how it is sorted now."""

    key: str
    label: str
    link: str
    direction: str
    """As `aria-sort` has it."""


def show_customers(site: Site, visit: Visit) -> Response:
    archived = visit.query.get("archived") == "yes"
    found = (site.archive if archived else site.situation).fresh()
    chosen = _chosen(found.everybody, visit)
    sort = visit.query.get("sort", "state")
    name, backwards = sort.removeprefix("-"), sort.startswith("-")
    chosen.sort(key=_SORTED_BY["customer"])
    chosen.sort(key=_SORTED_BY.get(name, _SORTED_BY["state"]), reverse=backwards)
    pages = max(1, -(-len(chosen) // _A_PAGE))
    page = min(max(1, _number(visit.query.get("page", "1"))), pages)
    rows = chosen[(page - 1) * _A_PAGE : page * _A_PAGE]
    return site.show(
        visit,
        "customers.html",
        site.redactor(one.customer for one in rows),
        title="Archive" if archived else "Customers",
        rows=rows,
        number=len(chosen),
        whole=len(found.everybody),
        page=page,
        pages=pages,
        columns=_columns(visit, name, backwards=backwards),
        counts=counted(found.everybody),
        states=STATES,
        statuses=STATUSES,
        archived=archived,
        broken=found.broken,
    )


def find(site: Site, visit: Visit) -> Response:
    """One field for everything: an address or an id that is somebody's leads to them."""
    words = visit.query.get("q", "").strip()
    if words.startswith("cust_") or "@" in words:
        found = _meant(site, words)
        if found is not None:
            return redirect(f"/customers/{found}")
    return show_customers(site, visit)


def _meant(site: Site, words: str) -> str | None:
    """The id of who has exactly this address or id."""
    try:
        return site.store.read(words).customer.id
    except ProvisionerError:
        return None


def _chosen(everybody: Sequence[Standing], visit: Visit) -> list[Standing]:
    words = visit.query.get("q", "").casefold().split()
    status, state = visit.query.get("status", ""), visit.query.get("state", "")
    return [
        one
        for one in everybody
        if (not status or one.customer.status == status)
        and (not state or one.state == state)
        and (not words or _has(one, words))
    ]


def _has(one: Standing, words: Sequence[str]) -> bool:
    """Whether each word is in something by which a customer is known."""
    customer, setup = one.customer, one.customer.setup
    texts = customer.email, customer.name, customer.id, setup.droplet.ip, setup.messaging.bot_username
    known = "\n".join(filter(None, texts)).casefold()
    return all(word in known for word in words)


def _columns(visit: Visit, name: str, *, backwards: bool) -> list[Column]:
    labels = {"customer": "Customer", "status": "Status", "state": "Where they stand", "signed-up": "Since"}
    found = []
    for key, label in labels.items():
        now = key == name
        direction = "none" if not now else "descending" if backwards else "ascending"
        link = visit.with_query(sort=f"-{key}" if now and not backwards else key, page=None)
        found.append(Column(key, label, link, direction))
    return found


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else 1


PAGES = (Page("/customers", find, "look"),)
