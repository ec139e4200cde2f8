"""The running sandbox's Stripe, from Python: what people do there, and what becomes of its events."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from provisioner.errors import SandboxError
from provisioner.sandbox.stripe.options import StripeOptions

_LOOK_SECONDS = 0.02
_SETTLE_SECONDS = 600.0

Ask = Callable[..., Any]


@dataclass(frozen=True)
class SubscriptionView:
    """A subscription after something was done with it; moments are seconds since 1970."""

    id: str
    status: str
    customer: str
    email: str
    price: str
    period_end: int
    cancel_at: int | None


@dataclass(frozen=True)
class MoneyView:
    """A refund, a dispute or a customer; amounts are in the currency's smallest unit."""

    id: str
    object: str
    status: str | None
    email: str | None
    amount: int | None
    currency: str | None


@dataclass(frozen=True)
class EventView:
    """An event, the id of its object, and how each delivery was answered (0: not at all).

    `pending` is how many endpoints have not accepted it yet.
    """

    id: str
    type: str
    created: int
    object: str | None
    answers: list[int]
    pending: int


@dataclass(frozen=True)
class StripeKeys:
    """The secret key of a mode, and the secret of its webhook."""

    key: str
    webhook: str


@dataclass(frozen=True)
class StripeTime:
    """The account's clock, in seconds since 1970, and by how many seconds it was moved on."""

    now: int
    ahead: float


class SandboxStripe:
    """One mode of Stripe. Every method raises SandboxError, for what Stripe refuses too."""

    def __init__(self, ask: Ask, *, live: bool = False) -> None:
        self._ask = ask
        self._root = f"/stripe/{'live' if live else 'test'}"

    def checkout(self, email: str, **typed: Any) -> SubscriptionView:
        """Somebody buys; `typed` are the other fields of `dashboard.Purchase`."""
        return _subscription(self._post("/checkout", {"email": email, **typed}))

    def fail(self, email: str, *, later: bool = False) -> SubscriptionView:
        return self._with(email, "fail", {"later": later})

    def pay(self, email: str) -> SubscriptionView:
        return self._with(email, "pay")

    def cancel(self, email: str, **goodbye: Any) -> SubscriptionView:
        """`goodbye` are the fields of `dashboard.Goodbye`."""
        return self._with(email, "cancel", goodbye)

    def keep(self, email: str) -> SubscriptionView:
        return self._with(email, "keep")

    def pause(self, email: str, *, collection: str | None = None) -> SubscriptionView:
        return self._with(email, "pause", {"collection": collection})

    def resume(self, email: str) -> SubscriptionView:
        return self._with(email, "resume")

    def reprice(self, email: str, price: str, *, proration: str = "create_prorations") -> SubscriptionView:
        return self._with(email, "price", {"price": price, "proration": proration})

    def set_coupon(self, email: str, coupon: str | None = None) -> SubscriptionView:
        """A coupon by its id, or so many percent for good; none without one."""
        return self._with(email, "coupon", {"coupon": coupon})

    def refund(self, email: str, amount: int | None = None) -> MoneyView:
        return MoneyView(**self._post(f"/customers/{email}/refund", {"amount": amount}))

    def dispute(self, email: str, *, reason: str = "fraudulent", close: str | None = None) -> MoneyView:
        body = {"reason": reason, "close": close}
        return MoneyView(**self._post(f"/customers/{email}/dispute", body))

    def update_email(self, old: str, new: str) -> MoneyView:
        return MoneyView(**self._post(f"/customers/{old}/email", {"email": new}))

    def events(self) -> list[EventView]:
        """Oldest first; of the last 30 days."""
        return [EventView(**one) for one in self._ask("GET", f"{self._root}/events")]

    def resend(self, event: str) -> EventView:
        return EventView(**self._post(f"/events/{event}/resend"))

    def set_webhook(self, url: str | None, events: list[str] | None = None) -> None:
        """Where events go from now on, of these types or all; nowhere without an address."""
        self._ask("PUT", f"{self._root}/webhook", {"url": url, "events": events})

    def roll_secret(self) -> str:
        """The webhook's new secret; for a day the old one signs too."""
        return str(self._post("/webhook/roll")["secret"])

    def clock(self, days: float = 0) -> StripeTime:
        """Let so many days pass, with all that comes due in them."""
        body = {"days": days}
        return StripeTime(**self._ask("POST", f"{self._root}/clock", body, wait=_SETTLE_SECONDS))

    @property
    def keys(self) -> StripeKeys:
        return StripeKeys(**self._ask("GET", f"{self._root}/keys"))

    @property
    def options(self) -> StripeOptions:
        return StripeOptions(**self._ask("GET", f"{self._root}/options"))

    def set_options(self, **options: Any) -> StripeOptions:
        """Change some settings (`StripeOptions`) from now on."""
        return StripeOptions(**self._ask("PATCH", f"{self._root}/options", options))

    def wait_until_delivered(self, timeout: float = 30) -> None:
        """Until no delivery is left to make; SandboxError if there still is one after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (left := int(self._ask("GET", f"{self._root}/waiting")["count"])) > 0:
            if time.monotonic() > deadline:
                raise SandboxError("deliver Stripe's events", cause=f"{left} are still waiting", retry=True)
            time.sleep(_LOOK_SECONDS)

    def _with(self, email: str, what: str, body: dict[str, Any] | None = None) -> SubscriptionView:
        return _subscription(self._post(f"/customers/{email}/{what}", body))

    def _post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._ask("POST", self._root + path, body or {})


def _subscription(body: dict[str, Any]) -> SubscriptionView:
    return SubscriptionView(**{name: value for name, value in body.items() if name != "object"})
