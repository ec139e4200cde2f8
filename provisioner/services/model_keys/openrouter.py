"""OpenRouter's API for managing keys: one key for each customer, whose monthly limit the provider enforces.

The management key makes, changes and deletes keys; it buys no answers itself. All requests but the one that
makes a key can be repeated, and are, while that may help. After a creation whose answer was lost, look for
the key by its name and delete it: the key itself is shown only once.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_base, wait_random_exponential

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.errors import ModelError
from provisioner.failpoints import failpoint
from provisioner.secrets import Redactor
from provisioner.services.model_keys.errors import (
    ManagementKeyRefused,
    ModelKeyGone,
    ModelKeyRefused,
    ModelProviderBusy,
)
from provisioner.services.model_keys.wire import Answer, ask, in_short, reason

PUBLIC_ROOT: Final = "https://openrouter.ai/api/v1"
CALL_SECONDS: Final = 20.0
"""How long one whole answer may take."""
_ATTEMPTS: Final = 4
_LONGEST_WAIT: Final = 60.0
_PAGE: Final = 100
_MANAGEMENT: Final = "OPENROUTER_MANAGEMENT_KEY"


@dataclass(frozen=True)
class ModelKey:
    """What is known of a key, without the key itself; amounts are in dollars.

    `spent` is since the first of this month (UTC); `limit` and `remaining` are None where nothing limits it.
    """

    hash: str
    name: str
    limit: Decimal | None
    remaining: Decimal | None
    spent: Decimal
    disabled: bool

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "ModelKey":
        """From an answer; KeyError, TypeError or ArithmeticError if it lacks something."""
        return cls(
            hash=str(raw["hash"]),
            name=str(raw["name"]),
            limit=_dollars(raw["limit"]),
            remaining=_dollars(raw["limit_remaining"]),
            spent=_dollars(raw["usage_monthly"]) or Decimal(0),
            disabled=bool(raw["disabled"]),
        )


@dataclass(frozen=True)
class NewModelKey:
    """A key that was just made; `secret` cannot be asked for again."""

    key: ModelKey
    secret: SecretStr


class OpenRouter:
    """One account, by its management key. `root` is the address up to `/api/v1`; None: OpenRouter's own."""

    def __init__(
        self,
        management_key: str,
        root: str | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        pause: wait_base | None = None,
        deadline: float = CALL_SECONDS,
        attempts: int = _ATTEMPTS,
    ) -> None:
        """`pause` says how long to wait before a request is repeated, where the provider does not say it."""
        self._key = management_key
        self._root = (root or PUBLIC_ROOT).rstrip("/")
        self._clock = clock
        self._pause = pause or wait_random_exponential(multiplier=1, max=20)
        self._deadline = deadline
        self._attempts = attempts

    def create(self, name: str, monthly_limit: Decimal) -> NewModelKey:
        """Make a key that may spend so much each month.

        Names are not unique: after a ModelProviderBusy whose `sent` is True there may be one more.
        """
        body = {"name": name, "limit": float(monthly_limit), "limit_reset": "monthly"}
        doing = "make a model key"
        answer = self._call(doing, "POST", "/keys", body, once=True)
        with _in_form(doing):
            return NewModelKey(ModelKey.of(answer["data"]), SecretStr(str(answer["key"])))

    def key(self, hashed: str) -> ModelKey:
        """As it is now; ModelKeyGone if there is none."""
        doing = "look at a model key"
        return _one(doing, self._call(doing, "GET", f"/keys/{hashed}"))

    def named(self, name: str) -> list[ModelKey]:
        """Every key of this name, the newest first, disabled ones too."""
        return [key for key in self.all() if key.name == name]

    def all(self) -> list[ModelKey]:
        """Every key of the account, whoever has made it."""
        doing, found = "list the model keys", dict[str, ModelKey]()
        while True:
            # A key that is made meanwhile shifts the pages, and one is seen twice.
            path = f"/keys?offset={len(found)}&include_disabled=true"
            answer = self._call(doing, "GET", path)
            with _in_form(doing):
                page = [ModelKey.of(raw) for raw in answer["data"]]
            known = len(found)
            found |= {key.hash: key for key in page}
            if len(page) < _PAGE or len(found) == known:
                return list(found.values())

    def set_limit(self, hashed: str, monthly_limit: Decimal) -> ModelKey:
        """Have it spend so much a month, from this month on; ModelKeyGone if there is none."""
        body = {"limit": float(monthly_limit), "limit_reset": "monthly"}
        return self._change("change a model key's limit", hashed, body)

    def set_disabled(self, hashed: str, *, disabled: bool) -> ModelKey:
        """Stop it, or let it go on, at once; ModelKeyGone if there is none."""
        return self._change("stop or start a model key", hashed, {"disabled": disabled})

    def delete(self, hashed: str) -> None:
        """From now on nobody is answered who shows it; nothing happens if it is gone."""
        try:
            self._call("delete a model key", "DELETE", f"/keys/{hashed}")
        except ModelKeyGone:
            return

    def check(self, secret: str) -> None:
        """See that the provider takes a customer's key; ModelKeyRefused if it is stopped or gone.

        Nothing is generated, and one that has spent its limit is taken all the same.
        """
        self._call("ask the model's provider about a key", "GET", "/key", of=secret)

    def credit(self) -> Decimal:
        """What is left of what was paid in, in dollars: at nothing, all keys stop."""
        doing = "look at the credit for the model"
        answer = self._call(doing, "GET", "/credits")
        with _in_form(doing):
            data = answer["data"]
            return Decimal(str(data["total_credits"])) - Decimal(str(data["total_usage"]))

    def _change(self, doing: str, hashed: str, body: Mapping[str, Any]) -> ModelKey:
        return _one(doing, self._call(doing, "PATCH", f"/keys/{hashed}", body))

    def _call(
        self,
        doing: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        once: bool = False,
        of: str | None = None,
    ) -> Any:
        """The answer's document. `once`: never again where it may have had an effect; `of`: another key."""
        retrying = Retrying(
            retry=retry_if_exception(
                lambda error: isinstance(error, ModelProviderBusy) and not (once and error.sent)
            ),
            wait=_AsTold(self._pause),
            stop=stop_after_attempt(self._attempts),
            sleep=self._clock.sleep,
            reraise=True,
        )
        failpoint(f"before {doing}")
        document = retrying(lambda: self._once(doing, method, path, body, of))
        failpoint(f"after {doing}")
        return document

    def _once(
        self, doing: str, method: str, path: str, body: Mapping[str, Any] | None, of: str | None
    ) -> Any:
        key = of or self._key
        if not re.fullmatch(r"[!-~]+", key):
            raise _refused(doing, "it is not a key", customers=of is not None)
        answer = self._answer(doing, method, path, body, key)
        if 200 <= answer.status < 300 and isinstance(answer.body, dict):
            return answer.body
        said = Redactor([key])(_words_in(answer.body))
        if said and answer.status in (401, 403):
            raise _refused(doing, said, customers=of is not None)
        if said and answer.status == 404:
            raise ModelKeyGone(doing, cause=said)
        raise _unclear(doing, self._root, answer, said)

    def _answer(self, doing: str, method: str, path: str, body: Mapping[str, Any] | None, key: str) -> Answer:
        import httpx

        headers = {"authorization": f"Bearer {key}"}
        try:
            return ask(method, f"{self._root}{path}", headers, body=body, deadline=self._deadline)
        except TimeoutError:
            raise ModelProviderBusy(
                doing, f"{self._root} gave no whole answer within {self._deadline:g} s", sent=True
            ) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ModelError(doing, cause="OPENROUTER_BASE_URL is not an address", hint=_ADDRESS) from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise ModelProviderBusy(
                doing, f"{self._root} cannot be reached ({reason(problem)})", sent=False
            ) from None
        except (httpx.HTTPError, UnicodeError) as problem:
            raise ModelProviderBusy(
                doing, f"{self._root} did not answer ({reason(problem)})", sent=True
            ) from None


_ADDRESS: Final = "look at OPENROUTER_BASE_URL, and at the network of this machine"


class _AsTold(wait_base):
    """As long as the provider said, else as `otherwise` says; in seconds."""

    def __init__(self, otherwise: wait_base) -> None:
        self._otherwise = otherwise

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        told = error.wait if isinstance(error, ModelProviderBusy) else None
        return self._otherwise(retry_state) if told is None else min(told, _LONGEST_WAIT)


def _one(doing: str, answer: Any) -> ModelKey:
    with _in_form(doing):
        return ModelKey.of(answer["data"])


@contextmanager
def _in_form(doing: str) -> Iterator[None]:
    """What lacks something that every such answer has says nothing; whether it had an effect is not known."""
    try:
        yield
    except (KeyError, TypeError, ArithmeticError):
        cause = "the answer is not in the API's form"
        raise ModelProviderBusy(doing, cause, sent=True) from None


def _refused(doing: str, said: str, *, customers: bool) -> ModelError:
    if customers:
        return ModelKeyRefused(
            doing, cause=f"it refuses the key: {said}", hint="the customer needs a new key"
        )
    hint = f"make a management key in OpenRouter's settings and put it into {_MANAGEMENT}"
    return ManagementKeyRefused(doing, cause=f"it refuses the management key: {said}", hint=hint)


def _unclear(doing: str, root: str, answer: Answer, said: str) -> ModelError:
    passes = answer.status in (408, 409, 429) or answer.status >= 500
    cause = f"it answered: {said}" if said else f"{root} gave an answer that is not the API's"
    cause = f"{cause} (status {answer.status})"
    if not passes:
        return ModelError(doing, cause=cause, hint=_ADDRESS)
    # Only of one that came too soon is it certain that nothing was done.
    return ModelProviderBusy(doing, cause, sent=answer.status != 429, wait=_told(answer.headers))


def _told(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    return float(text) if re.fullmatch(r"\d{1,6}", text) else None


def _words_in(body: Any) -> str:
    """What an error of the API says; empty where it is none."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or "code" not in error:
        return ""
    return in_short(error.get("message", "")) or "no reason given"


def _dollars(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
