"""What the process does: runs lately, what comes next, Stripe's events, and who may come in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from provisioner.runs.log import newest_runs
from provisioner.web.pages.site import Page, Site
from provisioner.web.pages.situation import CALM_SECONDS, Standing
from provisioner.web.pages.visit import Visit

_RUNS: Final = 30
_EVENTS: Final = 20
_NEXT: Final = 30


@dataclass(frozen=True)
class Coming:
    """Something that happens by itself at a moment."""

    at: str
    standing: Standing
    what: str


def show_operations(site: Site, visit: Visit) -> Response:
    found = site.situation.fresh()
    by_id = {one.customer.id: one for one in found.everybody}
    coming = sorted((next_ for one in found.everybody for next_ in _coming(one)), key=lambda one: one.at)
    runs = newest_runs(site.workspace.runs_dir, _RUNS)
    return site.show(
        visit,
        "operations.html",
        title="Operations",
        live=CALM_SECONDS,
        problems=list(site.parts.problems()),
        alerts=site.parts.alerts.open,
        at_work=site.parts.worker.at_work,
        jobs=site.settings.worker.jobs,
        runs=[(one, by_id.get(one.get("customer", ""))) for one in runs],
        coming=coming[:_NEXT],
        later=max(0, len(coming) - _NEXT),
        received=site.parts.inbox.latest(_EVENTS),
        pending=site.parts.inbox.number_pending(),
        operators=site.operators.all(),
    )


def _coming(one: Standing) -> Iterator[Coming]:
    """What the record has a date for."""
    customer, leaving = one.customer, one.customer.leaving
    if customer.retry is not None and customer.retry.not_before is not None:
        yield Coming(customer.retry.not_before, one, f"{customer.retry.workflow} is tried again")
    if leaving is None or leaving.ended_at is not None or leaving.undo_at is not None:
        return
    if leaving.stopped_at is None:
        yield Coming(leaving.stop_at, one, "the assistant stops, they leave")
    elif leaving.destroy_at is not None:
        yield Coming(leaving.destroy_at, one, "the server is destroyed")


PAGES = (Page("/operations", show_operations, "look"),)
