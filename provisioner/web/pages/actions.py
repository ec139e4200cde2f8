"""What can be asked for with a button: written into the record as the commands do it, with who asks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from provisioner.customers.done import is_complete
from provisioner.customers.leaving import Wish, has_assistant, is_leaving
from provisioner.customers.lifecycle import has_left
from provisioner.customers.model_key import may_have_key
from provisioner.customers.pausing import PauseWish, is_paused
from provisioner.customers.record import Customer
from provisioner.customers.rules import is_meant
from provisioner.errors import InputError
from provisioner.runs.asking import ask_for
from provisioner.runs.leaving import ask_to_leave, ask_to_stay
from provisioner.runs.model_keys import ask_of_model_key
from provisioner.runs.pausing import ask_to_go_on, ask_to_pause
from provisioner.runs.workflow import BACKUP, PROVISION
from provisioner.web.access.roles import Right
from provisioner.web.pages.site import Page, Site, redirect
from provisioner.web.pages.visit import Visit

_LONGEST_REASON = 500
MOST_DOLLARS = 100_000


@dataclass(frozen=True)
class Action:
    """One button: when it is there, and what is written into the record."""

    name: str
    label: str
    does: str
    """What will happen, in one sentence."""
    offered: Callable[[Customer], bool]
    ask: Callable[[Site, str, Visit], object]
    """For the customer of this id."""
    right: Right = "act"
    typed: bool = False
    """Whether the customer's address is to be typed first."""
    asks: str = ""
    """What else is to be given, as the label of its field, `value` in the form."""


def _go_on(site: Site, who: str, visit: Visit) -> object:
    return ask_for(site.store, who, PROVISION, visit.operator.name)


def _back_up(site: Site, who: str, visit: Visit) -> object:
    return ask_for(site.store, who, BACKUP, visit.operator.name)


def _pause(site: Site, who: str, visit: Visit) -> object:
    return ask_to_pause(site.store, who, PauseWish(visit.operator.name, _reason(visit)))


def _resume(site: Site, who: str, visit: Visit) -> object:
    return ask_to_go_on(site.store, who, visit.operator.name, _reason(visit))


def _leave(site: Site, who: str, visit: Visit) -> object:
    grace = site.settings.cancel.grace_days
    return ask_to_leave(site.store, who, Wish(visit.operator.name, grace, "period end", _reason(visit)))


def _leave_now(site: Site, who: str, visit: Visit) -> object:
    grace = site.settings.cancel.grace_days
    return ask_to_leave(site.store, who, Wish(visit.operator.name, grace, "now", _reason(visit)))


def _destroy(site: Site, who: str, visit: Visit) -> object:
    wish = Wish(visit.operator.name, 0, "now", _reason(visit), at_once=True)
    return ask_to_leave(site.store, who, wish)


def _stay(site: Site, who: str, _: Visit) -> object:
    return ask_to_stay(site.store, who)


def _stop_key(site: Site, who: str, visit: Visit) -> object:
    return ask_of_model_key(site.store, who, visit.operator.name, stopped=True)


def _start_key(site: Site, who: str, visit: Visit) -> object:
    return ask_of_model_key(site.store, who, visit.operator.name, stopped=False)


def _set_budget(site: Site, who: str, visit: Visit) -> object:
    typed = visit.form.get("value", "").strip()
    if not (typed.isascii() and typed.isdecimal() and 0 < int(typed[:9]) <= MOST_DOLLARS):
        cause = f"{typed!r} is no number of dollars from 1 to {MOST_DOLLARS}"
        raise InputError("change the budget", cause=cause, hint="go back and correct it")
    return ask_of_model_key(site.store, who, visit.operator.name, budget=int(typed))


def _may_be_set_up(customer: Customer) -> bool:
    free = not (has_left(customer.status) or is_leaving(customer) or is_paused(customer))
    return free and not is_complete(customer) and customer.setup.waiting is None


def _can_stay(customer: Customer) -> bool:
    leaving = customer.leaving
    open_still = leaving is not None and leaving.ended_at is None
    return open_still and leaving is not None and leaving.destroying_at is None and leaving.undo_at is None


def _is_served(customer: Customer) -> bool:
    return not has_left(customer.status) and not is_leaving(customer)


GO_ON = Action(
    "provision",
    "Set up",
    "The setup begins, or goes on from the step where it stands.",
    _may_be_set_up,
    _go_on,
)

ACTIONS: Sequence[Action] = (
    GO_ON,
    Action(
        "backup",
        "Back up",
        "What the assistant knows is taken off its server; it goes on meanwhile.",
        lambda one: _is_served(one) and has_assistant(one),
        _back_up,
    ),
    Action(
        "pause",
        "Pause",
        "The assistant stops and the customer is told; the server stays, and costs what it did.",
        lambda one: _is_served(one) and not is_paused(one),
        _pause,
    ),
    Action(
        "go-on",
        "End the pause",
        "The assistant starts again and the customer is told.",
        lambda one: one.setup.pause is not None and one.setup.pause.undo_at is None,
        _resume,
    ),
    Action(
        "stop-model-key",
        "Stop the model key",
        "The provider refuses the customer's key: the assistant answers no more until it is let in again.",
        lambda one: _is_served(one) and may_have_key(one) and not one.setup.model_key.stopped,
        _stop_key,
    ),
    Action(
        "start-model-key",
        "Let the model key in again",
        "The provider takes the customer's key again, up to their budget.",
        lambda one: _is_served(one) and may_have_key(one) and one.setup.model_key.stopped,
        _start_key,
    ),
    Action(
        "budget",
        "Change the budget",
        "What the customer's key may spend at the model's provider each month.",
        lambda one: _is_served(one) and may_have_key(one),
        _set_budget,
        "decide",
        asks="Dollars a month",
    ),
    Action(
        "stay",
        "Keep the customer",
        "The cancellation is undone; an assistant that was stopped starts again.",
        _can_stay,
        _stay,
        "decide",
    ),
    Action(
        "cancel",
        "Cancel at the end of what is paid",
        "The customer is told. Then the assistant stops, a last backup is taken, and after the days of grace "
        "the server is destroyed.",
        _is_served,
        _leave,
        "decide",
        typed=True,
    ),
    Action(
        "cancel-now",
        "Cancel now",
        "The same, and the assistant stops at once.",
        _is_served,
        _leave_now,
        "decide",
        typed=True,
    ),
    Action(
        "destroy",
        "Destroy the server",
        "A last backup is taken, then the server is destroyed with all that is on it, without days of grace. "
        "Nothing brings it back.",
        lambda one: one.leaving is None or one.leaving.ended_at is None,
        _destroy,
        "decide",
        typed=True,
    ),
)


def offered(customer: Customer, visit: Visit) -> list[Action]:
    """The buttons that this person has for this customer."""
    return [one for one in ACTIONS if visit.may(one.right) and one.offered(customer)]


def performing(action: Action) -> Callable[[Site, Visit], Response]:
    """What is done when the button is pressed."""

    def perform(site: Site, visit: Visit) -> Response:
        customer = site.store.read(visit.params["id"]).customer
        if action.typed:
            _demand_typed(customer, action, visit.form.get("address", ""))
        action.ask(site, customer.id, visit)
        site.parts.worker.woken()
        site.say(f"{customer.email}: {action.name}, asked for by {visit.operator.name}")
        back = "/" if visit.form.get("back") == "today" else f"/customers/{customer.id}"
        return redirect(f"{back}?said={action.name}")

    return perform


def _demand_typed(customer: Customer, action: Action, typed: str) -> None:
    if "@" not in typed or not is_meant(customer.id, customer.email, typed.strip()):
        cause = (
            f"{typed!r} is not their address: nothing was done" if typed else "their address was not typed"
        )
        raise InputError(action.label.lower(), whom=customer.email, cause=cause, hint="go back and type it")


def _reason(visit: Visit) -> str | None:
    return visit.form.get("reason", "").strip()[:_LONGEST_REASON] or None


PAGES = tuple(Page(f"/customers/{{id}}/{one.name}", performing(one), one.right, "POST") for one in ACTIONS)
