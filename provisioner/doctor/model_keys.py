"""Checks that the model's provider accepts the operator's key, and warns that all servers share it."""

from collections.abc import Sequence

from provisioner.customers.done import steps_done
from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import Customer
from provisioner.doctor.findings import ANSWER_SECONDS, Findings
from provisioner.errors import ModelError
from provisioner.settings import Settings

_KEY = "ANTHROPIC_API_KEY"
_MODEL = "[moltbot] model"
_SHARED = (
    "every server holds this one key of yours: whoever gets it out of one assistant can use it anywhere, on "
    "your bill, until you delete it at the provider, and then every assistant stops"
)
_LIMIT = "set a monthly limit for this key in the provider's console, and watch its use there"


def look_at_model(settings: Settings, customers: Sequence[Customer], found: Findings) -> None:
    """Ask the provider once about the key and the model; nothing is generated, and nothing costs money."""
    if settings.anthropic_key is None:
        return
    from provisioner.services.model_keys.anthropic import ModelProvider
    from provisioner.services.model_keys.errors import ModelUnknown
    from provisioner.steps.moltbot import PROVIDER

    provider, _, model = settings.moltbot.model.partition("/")
    if provider == PROVIDER:
        found.looked.append("model key")
        key, root = settings.anthropic_key.get_secret_value(), settings.anthropic_base_url
        try:
            ModelProvider(key, root, deadline=ANSWER_SECONDS).check(model)
        except ModelError as error:
            whom = _MODEL if isinstance(error, ModelUnknown) else _KEY
            found.note("model", whom, str(error.cause), error.hint or "")
    else:
        problem = (
            f"{settings.moltbot.model} is no model of {PROVIDER}, and servers get no other provider's key"
        )
        found.note("settings", _MODEL, problem, f"set it to {PROVIDER}/… in provisioner.toml")
    if any("moltbot" in steps_done(one) and not has_left(one.status) for one in customers):
        found.advise("model", _KEY, _SHARED, _LIMIT)
