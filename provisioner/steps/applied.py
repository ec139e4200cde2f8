"""What a server was brought to, in parts, and in which of them it is behind what is so today."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from provisioner.images.recipe import PLAYBOOKS, digest_of, playbook_variables, texts_of
from provisioner.playbook.load import playbook_folder
from provisioner.secrets import mark_of
from provisioner.settings import Settings

Parts = Mapping[str, str]
"""By the part's name: of each playbook a digest with its settings, the `model`, the mark of `modelKey`."""
_MODEL, _KEY = "model", "modelKey"
OWN = "openrouter"
"""What stands for the key's mark where the customer has a key of their own there."""
# Applying leaves the software that works as it is.
_NOT_APPLIED = frozenset({"moltbot_version"})


def wanted_parts(
    settings: Settings, search: Sequence[Path], channel: Mapping[str, Mapping[str, object]]
) -> dict[str, str]:
    """What a server would be brought to now, for who talks over a channel with these playbooks.

    `search` are folders whose playbooks go before the shipped ones. PlaybookError if one cannot be read.
    """
    shared = playbook_variables(settings)
    return {
        **{name: _digest(name, search, shared[name]) for name in PLAYBOOKS},
        "moltbot": _digest("moltbot", search, shared_variables(settings)),
        **{name: _digest(name, search, variables) for name, variables in channel.items()},
        _MODEL: settings.moltbot.model,
        **_whose_key(settings),
    }


def _whose_key(settings: Settings) -> dict[str, str]:
    """The mark of the shared key, or the provider of the customer's own, which is another one for each."""
    if settings.model_keys.provider == OWN:
        return {_KEY: OWN}
    key = settings.anthropic_key
    return {_KEY: mark_of(key.get_secret_value())} if key else {}


def differences(applied: Parts | None, wanted: Parts, whence: str = "the settings") -> list[str]:
    """In what a server is behind, in words; nothing where it is as wanted. `whence` wants the model."""
    if applied is None:
        return ["what it was set up with is not known"]
    changed = [part for part, want in wanted.items() if applied.get(part) != want]
    playbooks = [part for part in changed if part not in (_MODEL, _KEY)]
    found = [f"changed: {', '.join(playbooks)} (playbook or settings)"] if playbooks else []
    if _MODEL in changed:
        had = applied.get(_MODEL, "not known")
        want = "want" if whence == "the settings" else "wants"
        found.append(f"the model is {had}, and {whence} {want} {wanted[_MODEL]}")
    if _KEY in changed:
        found.append(_other_key(applied.get(_KEY), wanted[_KEY]))
    return found


def _other_key(had: str | None, wanted: str) -> str:
    if wanted == OWN:
        return "the model's key is the shared one, and the settings want one of the customer's own"
    if had == OWN:
        return "the model's key is the customer's own, and the settings want the shared one"
    return "the model's key is another one"


def asks_anew(applied: Parts | None, wanted: Parts) -> bool:
    """Whether the assistant is asked by another model or key than the one with which it has answered."""
    return applied is None or any(applied.get(part) != wanted.get(part) for part in (_MODEL, _KEY))


def _digest(name: str, search: Sequence[Path], variables: Mapping[str, object]) -> str:
    counted = {key: value for key, value in variables.items() if key not in _NOT_APPLIED}
    return digest_of("", {name: counted}, {name: texts_of(playbook_folder(name, search))})


def shared_variables(settings: Settings) -> dict[str, object]:
    """Those of the playbook `moltbot` that are the same for all customers, but the model and its key."""
    own = settings.model_keys.provider == OWN
    base_url = settings.openrouter_base_url if own else settings.anthropic_base_url
    return {
        "node_version": settings.moltbot.node,
        "base_url": base_url or "",
        "operator_name": settings.operator.name,
        "operator_contact": settings.operator.contact or "",
    }
