"""What a server of the pool is made of: all that an image has, and a gateway that runs and knows nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.images.recipe import Recipe, digest_of, read_recipe, texts_of
from provisioner.playbook.load import playbook_folder
from provisioner.settings import Settings, provider_of

GATEWAY = "moltbot"
"""The playbook that runs the gateway; a customer's values come with a customer."""


@dataclass(frozen=True)
class Kind:
    """Servers that are as good as each other for a customer; `digest` is of all that they are made of."""

    region: str
    size: str
    digest: str


@dataclass(frozen=True)
class PoolRecipe:
    """What is applied, and the digest of it all."""

    image: Recipe
    gateway: dict[str, object]
    digest: str


def read_pool_recipe(settings: Settings, search: Sequence[Path] = ()) -> PoolRecipe:
    """What a server would be made of now; `search` are folders whose playbooks go before the shipped ones.

    PlaybookError if a playbook is not there or cannot be read.
    """
    image = read_recipe(settings, search)
    gateway = gateway_variables(settings)
    texts = texts_of(playbook_folder(GATEWAY, search))
    values: dict[str, dict[str, object]] = {"image": {"digest": image.digest}, GATEWAY: gateway}
    return PoolRecipe(image, gateway, digest_of(settings.droplet.plain_image, values, {GATEWAY: texts}))


def gateway_variables(settings: Settings) -> dict[str, object]:
    """Those of the playbook `moltbot` for a server that belongs to nobody yet."""
    return {
        "nobody": True,
        "node_version": settings.moltbot.node,
        "model": settings.moltbot.model,
        "provider": provider_of(settings.moltbot.model),
        "customer_name": "",
        "joined": "",
        "plan": "",
        "operator_name": "",
        "operator_contact": "",
    }
