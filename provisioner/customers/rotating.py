"""Secrets of a customer's assistant that are to be replaced: what a request means. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.errors import InputError
from provisioner.printable import command
from provisioner.timestamps import written

if TYPE_CHECKING:
    from provisioner.customers.record import Customer

GATEWAY_TOKEN = "gateway-token"
BOT_TOKEN = "bot-token"
MODEL_KEY = "model-key"


def asked_to_rotate(
    customer: "Customer", kind: str, by: str, now: datetime, old_token: str | None = None
) -> Mapping[str, object]:
    """The fields that say so; nothing if it is said already. InputError while another one is being replaced.

    `old_token` is the one to be replaced, where it is here.
    """
    before = customer.setup.rotation
    if before is None:
        asked = {"kind": kind, "requestedAt": written(now), "by": by, "oldToken": old_token}
        return {"setup.rotation": asked}
    if before.kind != kind:
        raise InputError(
            f"replace the {kind}",
            whom=customer.email,
            cause=f"their {before.kind} is being replaced",
            hint=f"finish that first: {command(f'rotate {before.kind}', customer.email)}",
        )
    return {}


def is_rotating(customer: "Customer", kind: str) -> bool:
    """Whether this secret is being replaced, or is to be."""
    return customer.setup.rotation is not None and customer.setup.rotation.kind == kind
