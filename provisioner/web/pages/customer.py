"""All about one customer, and adding a note."""

from typing import Final

from starlette.responses import Response

from provisioner.customers.model_key import budget_of, may_have_key, month_of, spent_in
from provisioner.customers.record import Customer
from provisioner.errors import InputError
from provisioner.payments.money import in_words
from provisioner.runs.log import newest_run_of
from provisioner.secrets import secrets_in
from provisioner.timestamps import present
from provisioner.web.pages.actions import ACTIONS, offered
from provisioner.web.pages.site import Page, Site, redirect
from provisioner.web.pages.situation import CALM_SECONDS, LIVE_SECONDS, standing_of
from provisioner.web.pages.visit import Visit

_SHOWN_EVENTS: Final = 40
_SHOWN_LINES: Final = 30
_LONGEST_NOTE: Final = 5000
_SAID: Final = {"note": "The note was added."} | {
    one.name: f"{one.label}: this was asked for, and the worker does it." for one in ACTIONS
}


def show_customer(site: Site, visit: Visit) -> Response:
    found = site.store.find(visit.params["id"])
    customer = found.record.customer
    standing = standing_of(site.workspace, customer, archived=found.archived)
    redact = site.redactor()
    redact.learn(*secrets_in(found.record.data))
    whole = visit.query.get("timeline") == "all"
    events = list(reversed(customer.timeline))
    actions = [] if found.archived else offered(customer, visit)
    return site.show(
        visit,
        "customer.html",
        redact,
        title=customer.name or customer.email,
        live=LIVE_SECONDS if standing.state == "running" else CALM_SECONDS,
        customer=customer,
        archived=found.archived,
        standing=standing,
        events=events if whole else events[:_SHOWN_EVENTS],
        older=0 if whole else max(0, len(events) - _SHOWN_EVENTS),
        notes=list(reversed(customer.notes)),
        actions=[one for one in actions if not one.typed],
        final=[one for one in actions if one.typed],
        run=newest_run_of(site.workspace.runs_dir, customer.id, customer.email, _SHOWN_LINES),
        spent=_spent(site, customer) if visit.may("money") else None,
        price=_price(customer) if visit.may("money") else None,
        said=_SAID.get(visit.query.get("said", ""), ""),
        jobs=site.settings.worker.jobs,
    )


def add_note(site: Site, visit: Visit) -> Response:
    """As `provisioner note` does."""
    words = visit.form.get("note", "").replace("\r\n", "\n").strip()
    if not words or len(words) > _LONGEST_NOTE:
        cause = "it has no words" if not words else f"it has more than {_LONGEST_NOTE} characters"
        raise InputError("add the note", cause=cause, hint="go back and correct it")
    with site.store.edit(visit.params["id"], "add a note") as record:
        record.add_note(words)
    return redirect(f"/customers/{record.customer.id}?said=note#notes")


def _spent(site: Site, customer: Customer) -> str | None:
    """What their own key for the model has spent this month, and of how much; None without one."""
    if not may_have_key(customer):
        return None
    spent = spent_in(customer, month_of(present()))
    budget = budget_of(customer, site.settings.model_keys.monthly_budget)
    return f"{in_words(spent, 'usd')} of {in_words(budget, 'usd')} this month"


def _price(customer: Customer) -> str:
    held = customer.subscription
    if held.amount is None:
        return ""
    return f"{in_words(held.amount, held.currency)} a {held.interval or 'month'}"


PAGES = (
    Page("/customers/{id}", show_customer, "look"),
    Page("/customers/{id}/note", add_note, "act", "POST"),
)
