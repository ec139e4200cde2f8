"""Checks of the key for the model: the one that all servers share, or each customer's own and its budget."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from provisioner.customers.done import steps_done
from provisioner.customers.lifecycle import has_left
from provisioner.customers.model_key import budget_of, may_have_key
from provisioner.customers.parts.setup import KeyReplacement
from provisioner.customers.record import Customer
from provisioner.customers.rotating import MODEL_KEY, is_rotating
from provisioner.doctor.findings import ANSWER_SECONDS, Findings
from provisioner.errors import ModelError
from provisioner.printable import command
from provisioner.settings import Settings, provider_of

if TYPE_CHECKING:
    from provisioner.services.model_keys.openrouter import ModelKey

_KEY = "ANTHROPIC_API_KEY"
_MANAGEMENT = "OPENROUTER_MANAGEMENT_KEY"
_MODEL = "[moltbot] model"
_SHARED = (
    "every server holds this one key of yours: whoever gets it out of one assistant can use it anywhere, on "
    "your bill, until you delete it at the provider, and then every assistant stops"
)
_LIMIT = (
    "set a monthly limit for this key in the provider's console, and watch its use there; or give each "
    'customer a key of their own with a budget: [model_keys] provider = "openrouter" (docs/model-keys.md)'
)
_LITTLE = Decimal("0.25")
"""Under this part of what all customers may spend in a month the credit is little."""


def look_at_model(
    settings: Settings,
    customers: Sequence[Customer],
    archived: Sequence[Customer],
    mark: str | None,
    found: Findings,
) -> None:
    """Ask the providers about keys and model; nothing is generated, and nothing costs money.

    `mark` is the workspace's, in the names of the keys that it has made.
    """
    _look_at_provider(settings, found)
    if settings.model_keys.provider == "shared":
        _look_at_shared(settings, customers, found)
    if settings.openrouter_management_key is not None:
        _look_at_own(settings, customers, archived, mark, found)


def _look_at_provider(settings: Settings, found: Findings) -> None:
    wanted = settings.model_keys.model_provider
    if provider_of(settings.moltbot.model) != wanted:
        problem = f"{settings.moltbot.model} is no model of {wanted}, and servers get no other provider's key"
        found.note("settings", _MODEL, problem, f"set it to {wanted}/… in provisioner.toml")


def _look_at_shared(settings: Settings, customers: Sequence[Customer], found: Findings) -> None:
    from provisioner.services.model_keys.anthropic import ModelProvider
    from provisioner.services.model_keys.errors import ModelUnknown

    if settings.anthropic_key is None:
        return
    if provider_of(settings.moltbot.model) == settings.model_keys.model_provider:
        found.looked.append("model key")
        key, root = settings.anthropic_key.get_secret_value(), settings.anthropic_base_url
        try:
            ModelProvider(key, root, deadline=ANSWER_SECONDS).check(settings.moltbot.model.partition("/")[2])
        except ModelError as error:
            whom = _MODEL if isinstance(error, ModelUnknown) else _KEY
            found.note("model", whom, str(error.cause), error.hint or "")
    if any("moltbot" in steps_done(one) and not has_left(one.status) for one in customers):
        found.advise("model", _KEY, _SHARED, _LIMIT)


def _look_at_own(
    settings: Settings,
    customers: Sequence[Customer],
    archived: Sequence[Customer],
    mark: str | None,
    found: Findings,
) -> None:
    """The account of the customers' keys: its credit, keys that nobody has, and records whose key is gone."""
    from provisioner.services.factory import connect_model_keys

    account = connect_model_keys(settings, attempts=1, deadline=ANSWER_SECONDS)
    found.looked.append("model keys")
    try:
        credit, keys = account.credit(), {key.hash: key for key in account.all()}
    except ModelError as error:
        found.note("model", _MANAGEMENT, str(error.cause), error.hint or "")
        return
    holders = [one for one in (*customers, *archived) if may_have_key(one)]
    _look_at_credit(credit, holders, settings, found)
    _look_for_strays(keys, holders, mark, found)
    for one in holders:
        own = one.setup.model_key
        if own.hash is not None and own.hash not in keys:
            problem = "their key for the model is not at the provider any more"
            found.note("model", one.email, problem, _anew(one))
        elif own.hash is not None and one in archived:
            problem = "they are archived, and their key for the model is still at the provider"
            found.note("model", one.email, problem, "delete it in OpenRouter's settings")


def _look_at_credit(
    credit: Decimal, holders: Sequence[Customer], settings: Settings, found: Findings
) -> None:
    budgets = sum(budget_of(one, settings.model_keys.monthly_budget) for one in holders)
    hint = "buy credit in OpenRouter's settings, and turn on auto top-up there"
    if credit <= 0:
        found.note("model", _MANAGEMENT, "the credit is spent, and no customer's assistant answers", hint)
    elif credit * 100 < budgets * _LITTLE:
        problem = (
            f"${credit:.2f} of credit is left, and all customers together may spend ${budgets // 100} a month"
        )
        found.advise("model", _MANAGEMENT, problem, hint)


def _look_for_strays(
    keys: Mapping[str, "ModelKey"], holders: Sequence[Customer], mark: str | None, found: Findings
) -> None:
    """Keys with a name of this workspace's that no record has: nobody would miss or stop them."""
    known = {one.setup.model_key.hash for one in holders}
    replaced = [one.setup.model_key.replacement or KeyReplacement() for one in holders]
    known |= {one.hash for one in replaced} | {one.old for one in replaced}
    names = {one.setup.model_key.name: one for one in holders}
    for key in keys.values():
        if mark is None or not key.name.startswith(f"{mark} ") or key.hash in known:
            continue
        problem = f"a key for the model that no record has ({key.hash[:12]}…)"
        found.note("model", key.name, problem, _without_stray(names.get(key.name)))


def _without_stray(customer: Customer | None) -> str:
    """What deletes a key of which only the name is known."""
    if customer is not None and is_rotating(customer, MODEL_KEY):
        return command("rotate model-key", customer.email)
    if customer is not None and customer.setup.model_key.hash is None:
        return _anew(customer)
    return "delete it in OpenRouter's settings"


def _anew(customer: Customer) -> str:
    """What makes their key anew."""
    if "moltbot" in steps_done(customer):
        return command("apply", customer.email, options="--again")
    return command("provision", customer.email)
