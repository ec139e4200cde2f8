"""Whether the model's provider takes the operator's key, over Anthropic's API: one read, which costs nothing.

Only an answer in the API's own form says something about the key. A page of some gateway on the way, a
silence or an overload say nothing about it, and nobody may be told to make a new key because of them.
"""

import math
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from provisioner.errors import ModelError
from provisioner.failpoints import failpoint
from provisioner.secrets import Redactor
from provisioner.services.coalescing import outcome
from provisioner.services.model_keys.errors import ModelKeyRefused, ModelRefused, ModelUnknown
from provisioner.services.model_keys.wire import Answer, ask, in_short, reason

PUBLIC_ROOT: Final = "https://api.anthropic.com"
CALL_SECONDS: Final = 10.0
"""How long the whole answer may take."""
_KEPT_SECONDS: Final = 300.0
"""For how long an answer stands: long enough for a fleet to begin."""
_API_VERSION: Final = "2023-06-01"
_REFUSALS: Final = {401: "authentication_error", 403: "permission_error"}
_ASKING: Final = "ask the model's provider about the key"


class ModelProvider:
    """The account that an API key belongs to. `root` is the address before `/v1/…`; None: Anthropic's own."""

    def __init__(self, key: str, root: str | None = None, *, deadline: float = CALL_SECONDS) -> None:
        self._key = key
        self._root = (root or PUBLIC_ROOT).rstrip("/")
        self._deadline = deadline
        self._redact = Redactor([key])
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Callable[[], None]]] = {}

    def check_once(self, model: str) -> None:
        """The same as `check`; for some minutes one answer stands for everybody who asks."""
        with self._lock:
            now = time.monotonic()
            at, answer = self._known.get(model, (-math.inf, None))
            if answer is None or now - at > _KEPT_SECONDS:
                answer = outcome(lambda: self.check(model))
                self._known[model] = now, answer
        answer()

    def check(self, model: str) -> None:
        """See that the key is taken and that this model, without its provider's name, may be used with it.

        ModelKeyRefused, ModelUnknown; another ModelError, with `retry` where it may pass, if that cannot be
        told. Nothing is tried again.
        """
        if not re.fullmatch(r"[!-~]+", self._key):
            raise ModelKeyRefused(_ASKING, cause="ANTHROPIC_API_KEY is not a key", hint=_ALONE)
        failpoint(f"before {_ASKING}")
        answer = self._answer(f"{self._root}/v1/models/{quote(model, safe='')}")
        failpoint(f"after {_ASKING}")
        status = answer.status
        if status == 200 and isinstance(answer.body, dict) and "id" in answer.body:
            return
        kind, words = _problem_in(answer.body)
        said = self._redact(words)
        if kind and kind == _REFUSALS.get(status):
            hint = "make a key in the provider's console and put it into ANTHROPIC_API_KEY"
            raise ModelKeyRefused(_ASKING, cause=f"it refuses the key: {said}", hint=hint)
        if kind == "not_found_error" and status == 404:
            hint = "set [moltbot] model in provisioner.toml to one that the provider has"
            raise ModelUnknown(_ASKING, cause=f"it has no model {model} for this key", hint=hint)
        raise self._unclear(status, said if kind else "")

    def _answer(self, address: str) -> Answer:
        import httpx

        headers = {"x-api-key": self._key, "anthropic-version": _API_VERSION}
        try:
            return ask("GET", address, headers, deadline=self._deadline)
        except TimeoutError:
            cause = f"{self._root} gave no whole answer within {self._deadline:g} s"
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ModelRefused(_ASKING, cause="ANTHROPIC_BASE_URL is not an address", hint=_ADDRESS) from None
        except (httpx.HTTPError, UnicodeError) as problem:
            cause = f"{self._root} did not answer ({self._redact(reason(problem))})"
        raise ModelError(_ASKING, cause=cause, hint=_LATER, retry=True)

    def _unclear(self, status: int, said: str) -> ModelError:
        if said:
            cause = f"it answered: {said} (status {status})"
        else:
            cause = f"{self._root} gave an answer that is not the API's (status {status})"
        passes = status in (408, 409, 429) or status >= 500
        return ModelError(_ASKING, cause=cause, hint=_LATER if passes else _ADDRESS, retry=passes)


_ALONE: Final = "set it to the key alone, without spaces or quotes"
_LATER: Final = "run the same command again in a minute"
_ADDRESS: Final = "look at ANTHROPIC_BASE_URL, and at the network of this machine"


def _problem_in(body: Any) -> tuple[str, str]:
    """The kind of an error of the API and its words; empty where it is none of its errors."""
    error = body.get("error") if isinstance(body, dict) and body.get("type") == "error" else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("type", "")), in_short(error.get("message", "")) or "no reason given"
