"""Stripe's API, as far as the product uses it: it reads, and changes addresses. Answers are plain documents.

Stripe's library repeats what fails for no fault of the request, but not what comes too often (429): that is
done here.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base, wait_random_exponential

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.errors import StripeError
from provisioner.failpoints import failpoint
from provisioner.services.stripe.errors import NothingThere, StripeBusy, StripeKeyRefused

if TYPE_CHECKING:
    import stripe

_T = TypeVar("_T")
Json = Mapping[str, Any]

_TIMEOUT_SECONDS: Final = (5.0, 20.0)
"""For the connection, and for each word of an answer."""
_REPEATS: Final = 2
_ATTEMPTS: Final = 4
_PAGE: Final = 100
_TYPES_MOST: Final = 20
"""How many kinds of events may be named in one question."""


class Stripe:
    """One account, by its secret key; a restricted one that may read is enough for all but `set_email`."""

    def __init__(
        self,
        key: str,
        base: str | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        pause: wait_base | None = None,
    ) -> None:
        """`base` is another address of the API; `pause` says how long to wait after a 429."""
        self._key = key
        self._base = base.rstrip("/") if base else None
        self._made: stripe.StripeClient | None = None
        self._retrying = Retrying(
            retry=retry_if_exception_type(_TooMany),
            wait=pause or wait_random_exponential(multiplier=1, max=20),
            stop=stop_after_attempt(_ATTEMPTS),
            sleep=clock.sleep,
            reraise=True,
        )

    def subscription(self, subscription_id: str) -> Json:
        """As it is now; NothingThere if there is none."""
        return self._call(
            "look at the subscription", lambda api: api.v1.subscriptions.retrieve(subscription_id)
        )

    def customer(self, customer_id: str) -> Json:
        """As they are now; NothingThere if there is none, and only an id with `deleted` if there was."""
        return self._call("look at the customer", lambda api: api.v1.customers.retrieve(customer_id))

    def set_email(self, customer_id: str, email: str, key: str) -> None:
        """Give the customer this address; under the same `key` it is done once, however often it is asked.

        NothingThere if there is no such customer.
        """
        self._call(
            "change the address at Stripe",
            lambda api: api.v1.customers.update(customer_id, {"email": email}, {"idempotency_key": key}),
        )

    def charge(self, charge_id: str) -> Json:
        """One charge, which says whose it is."""
        return self._call("look at the charge", lambda api: api.v1.charges.retrieve(charge_id))

    def session_of(self, subscription_id: str) -> Json | None:
        """The checkout in which a subscription began; None if it did not begin in one."""
        found = self._call(
            "look for the checkout",
            lambda api: api.v1.checkout.sessions.list({"subscription": subscription_id, "limit": 1}),
        )
        return next(iter(found["data"]), None)

    def subscriptions(self) -> Iterator[Json]:
        """All of the account, those that have ended too, the newest first."""
        everyone = {"status": "all"}
        yield from self._pages("list the subscriptions", lambda api: api.v1.subscriptions, everyone)

    def events(self, types: Sequence[str], since: int) -> Iterator[Json]:
        """All of these kinds since a moment (epoch), as far as Stripe still has them: about 30 days."""
        for first in range(0, len(types), _TYPES_MOST):
            some = list(types[first : first + _TYPES_MOST])
            wanted = {"types": some, "created": {"gte": since}}
            yield from self._pages("list the events", lambda api: api.v1.events, wanted)

    def _pages(
        self, doing: str, service: "Callable[[stripe.StripeClient], Any]", wanted: Json
    ) -> Iterator[Json]:
        at: dict[str, Any] = {**wanted, "limit": _PAGE}
        while True:
            # Bound here: the call is made before the next turn.
            page = self._call(doing, lambda api, at=at: service(api).list(at))  # type: ignore[misc]
            yield from page["data"]
            if not page.get("has_more") or not page["data"]:
                return
            at = {**at, "starting_after": page["data"][-1]["id"]}

    def _call(self, doing: str, ask: "Callable[[stripe.StripeClient], Any]") -> Json:
        failpoint(f"before {doing}")
        answer = self._retrying(lambda: _plain(_explained(doing, lambda: ask(self._client))))
        failpoint(f"after {doing}")
        return answer

    @property
    def _client(self) -> "stripe.StripeClient":
        if self._made is None:
            os.environ.setdefault("STRIPE_SUPPRESS_NOTICES", "true")
            import stripe

            # It writes an id of this machine under the user's folder, and sends how long requests took.
            stripe.enable_telemetry = False
            self._made = stripe.StripeClient(
                self._key,
                base_addresses={"api": self._base} if self._base else {},
                max_network_retries=_REPEATS,
                http_client=stripe.RequestsClient(timeout=_TIMEOUT_SECONDS),
            )
        return self._made


class _TooMany(StripeBusy):
    """More requests than Stripe allows (429)."""


def _plain(answer: Any) -> Json:
    document: Json = _as_sent(answer.to_dict())
    return document


def _as_sent(value: Any) -> Any:
    """The library makes numbers of what Stripe sends as text: parts of a cent."""
    if isinstance(value, dict):
        return {key: _as_sent(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_sent(inner) for inner in value]
    return str(value) if isinstance(value, Decimal) else value


def _explained(doing: str, ask: Callable[[], _T]) -> _T:
    """What is asked; the library's errors, which may hold a whole answer, become ours."""
    import stripe

    try:
        return ask()
    except stripe.StripeError as problem:
        raise _error(doing, problem) from None


def _error(doing: str, problem: "stripe.StripeError") -> StripeError:
    cause = problem.user_message or problem.code or type(problem).__name__
    if problem.request_id:
        cause = f"{cause} (request {problem.request_id})"
    if problem.http_status in (401, 403):
        hint = "set STRIPE_SECRET_KEY to a key of the account that may do what is asked for"
        return StripeKeyRefused(doing, cause=cause, hint=hint)
    if problem.http_status == 404:
        return NothingThere(doing, cause=cause)
    if problem.http_status == 429 or problem.code == "rate_limit":
        return _TooMany(doing, cause=cause, hint="run the same command again in a minute", retry=True)
    if problem.http_status is None or problem.http_status >= 500 or problem.http_status == 409:
        return StripeBusy(doing, cause=cause, hint="run the same command again later", retry=True)
    return StripeError(doing, cause=cause)
