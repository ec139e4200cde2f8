"""Idempotency keys: the first answer is given again, for a day; another request under the key is refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from provisioner.sandbox.stripe.clock import DAY
from provisioner.sandbox.stripe.errors import StripeApiError

_LONGEST_KEY: Final = 255


@dataclass(frozen=True)
class Kept:
    """The first answer under a key, and the request that it was an answer to."""

    request: str
    request_id: str
    status: int
    body: bytes
    at: int


class Replays:
    """The answers that are kept. Guarded by the account's lock."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def find(self, key: str, request: str, now: int) -> Kept | None:
        """The answer to give again; StripeApiError when the key was used for another request."""
        if len(key) > _LONGEST_KEY:
            raise StripeApiError(400, f"Idempotency keys have at most {_LONGEST_KEY} characters.", kept=False)
        kept = self._kept.get(key)
        if kept is None or now - kept.at > DAY:
            return None
        if kept.request != request:
            raise StripeApiError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used "
                f"with. Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
                kept=False,
            )
        return kept

    def keep(self, key: str, kept: Kept) -> None:
        self._kept[key] = kept


def fingerprint(method: str, path: str, given: Mapping[str, Any]) -> str:
    return json.dumps([method, path, given], sort_keys=True)
