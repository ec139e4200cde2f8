"""The whole of this Stripe: a world for test keys and one for live keys, which know nothing of each other."""

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from provisioner.sandbox.faults.rules import FaultBook
from provisioner.sandbox.stripe.account import Account
from provisioner.sandbox.stripe.clock import StripeClock
from provisioner.sandbox.stripe.deliveries import Deliveries
from provisioner.sandbox.stripe.idempotency import Replays


@dataclass(frozen=True)
class Credentials:
    """The secret key of a mode, and the secret of the endpoint that `webhook` sets."""

    key: str = field(repr=False)
    webhook: str = field(repr=False)


class Mode:
    """One of the two worlds: its account, and its events on their way."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        livemode: bool = False,
        book: FaultBook | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.credentials = credentials
        self.account = Account(livemode=livemode, clock=StripeClock(now))
        self.deliveries = Deliveries(self.account, book)
        self.replays = Replays()

    def opens(self, offered: str) -> bool:
        """Whether this is its key; a restricted one (`rk_…`) has the same letters, and the same rights."""
        key = self.credentials.key
        known = (key, f"rk_{key.removeprefix('sk_')}")
        return any(secrets.compare_digest(offered.encode(), one.encode()) for one in known)


class Stripe:
    """Both modes. `start` begins to deliver, `close` ends that."""

    def __init__(self, test: Mode, live: Mode) -> None:
        self.test = test
        self.live = live

    @property
    def modes(self) -> Iterable[Mode]:
        return (self.test, self.live)

    def mode(self, *, live: bool) -> Mode:
        return self.live if live else self.test

    def mode_of(self, key: str) -> Mode | None:
        return next((mode for mode in self.modes if mode.opens(key)), None)

    def start(self) -> None:
        for mode in self.modes:
            mode.deliveries.start()

    def close(self) -> None:
        for mode in self.modes:
            mode.deliveries.close()
