"""The first page: what needs a person now, and who is being set up."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response

from provisioner.customers.store import AnyListing
from provisioner.web.pages.actions import GO_ON, Action
from provisioner.web.pages.site import Page, Site
from provisioner.web.pages.situation import (
    CALM_SECONDS,
    LIVE_SECONDS,
    Standing,
    counted,
    is_set_up,
    needs_person,
)
from provisioner.web.pages.visit import Visit

_WHY = {
    "failed": "The setup has failed",
    "unhealthy": "Their server is not well",
    "interrupted": "The setup was interrupted",
    "new": "Not set up yet",
    "paused": "The setup stopped where it was told to",
    "waiting": "Waiting for more than two days",
    "unpaid": "A payment has failed",
}
_URGENT = tuple(_WHY)
"""Who has no assistant that works comes first."""
_MOST = 200


@dataclass(frozen=True)
class Matter:
    """Something that needs a person: about whom, since when, and what the one button does."""

    title: str
    text: str
    since: str | None = None
    standing: Standing | None = None
    action: Action | None = None
    """What is asked for with the button; without one it leads to the customer."""


def show_today(site: Site, visit: Visit) -> Response:
    found = site.situation.fresh()
    jobs = site.settings.worker.jobs
    stuck = [one for one in found.everybody if needs_person(one, jobs)]
    stuck.sort(key=lambda one: (_URGENT.index(one.state) if one.state in _URGENT else -1, one.since or ""))
    matters = [
        *_of_process(site),
        *(Matter("A record cannot be read", _broken(one)) for one in found.broken),
        *map(_matter, stuck),
    ]
    under_way = [one for one in found.everybody if is_set_up(one) and not needs_person(one, jobs)]
    under_way.sort(key=lambda one: (one.state != "running", one.since or ""))
    return site.show(
        visit,
        "today.html",
        site.redactor(one.standing.customer for one in matters[:_MOST] if one.standing is not None),
        title="Today",
        live=LIVE_SECONDS if any(one.state == "running" for one in under_way) else CALM_SECONDS,
        matters=matters[:_MOST],
        more=max(0, len(matters) - _MOST),
        under_way=under_way[:_MOST],
        counts=counted(found.everybody),
        nobody=not found.everybody,
        jobs=jobs,
    )


def _matter(one: Standing) -> Matter:
    action = GO_ON if one.state in ("failed", "interrupted", "new", "paused") else None
    retry = one.customer.retry
    if one.state not in _WHY and retry is not None:
        return Matter(f"The workflow {retry.workflow} has failed", retry.error or "", one.since, one)
    return Matter(_WHY.get(one.state, one.state), one.text, one.since, one, action)


def _broken(listing: AnyListing) -> str:
    return listing.broken.summary if listing.broken is not None else listing.name


def _of_process(site: Site) -> Iterator[Matter]:
    """What is wrong with the process, and what concerns nobody, or more than one customer."""
    for problem in site.parts.problems():
        yield Matter("This process has a problem", problem)
    for alert in site.parts.alerts.open:
        if len(set(alert.concerns.values())) != 1:
            yield Matter("The operator was told", alert.subject, alert.at)


PAGES = (Page("/", show_today, "look"),)
