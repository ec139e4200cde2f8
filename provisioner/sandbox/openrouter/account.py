"""One account: its prepaid credit, its keys, and what each of them has spent when.

Limits are hard: who has spent theirs is refused until it is reset, at midnight UTC of the next day, of the
next Monday or of the first of the month. The request that passes the limit is still answered: what it costs
is known only afterwards.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

Reset = Literal["daily", "weekly", "monthly"]
PREFIX: Final = "sk-or-v1-"
_DAY: Final = 86_400


@dataclass
class ApiKey:
    """A key for the model; limits and costs are in dollars, `spent` has each request's moment and cost."""

    secret: str = field(repr=False)
    name: str
    limit: Decimal | None
    limit_reset: Reset | None
    created_at: str
    expires_at: datetime | None = None
    include_byok_in_limit: bool = False
    disabled: bool = False
    updated_at: str | None = None
    last_used_at: str | None = None
    spent: list[tuple[float, Decimal]] = field(default_factory=list)

    @property
    def hash(self) -> str:
        """What it is called where the key itself must not stand."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    @property
    def label(self) -> str:
        """The key as people are shown it."""
        return f"{self.secret[: len(PREFIX) + 3]}...{self.secret[-3:]}"

    def usage(self, since: float = 0) -> Decimal:
        return sum((cost for at, cost in self.spent if at >= since), Decimal(0))

    def remaining(self, now: float) -> Decimal | None:
        """Of the limit, in the running period; None where there is no limit."""
        if self.limit is None:
            return None
        since = start_of(self.limit_reset, now) if self.limit_reset else 0
        return max(Decimal(0), self.limit - self.usage(since))


class Account:
    """Every reader and writer of it holds `lock`."""

    def __init__(
        self, management_key: str, *, credit: Decimal = Decimal(1000), now: Callable[[], float] = time.time
    ) -> None:
        self.management_key = management_key
        self.credit = credit
        """All that was ever paid in, in dollars."""
        self._now = now
        self._ahead = 0.0
        self.lock = threading.RLock()
        self.keys: dict[str, ApiKey] = {}
        """By hash, the oldest first."""
        self.used = Decimal(0)
        """By all keys, the deleted ones too."""

    def now(self) -> float:
        """The time in this account: ahead of all others where somebody has let days pass."""
        return self._now() + self._ahead

    def pass_days(self, days: float) -> None:
        """Let so many days pass, for this account alone."""
        self._ahead += days * _DAY

    def timestamp(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def add(
        self,
        name: str,
        limit: Decimal | None,
        limit_reset: Reset | None,
        *,
        expires_at: datetime | None = None,
        include_byok_in_limit: bool = False,
    ) -> ApiKey:
        secret = PREFIX + secrets.token_hex(32)
        key = ApiKey(secret, name, limit, limit_reset, self.timestamp(), expires_at, include_byok_in_limit)
        self.keys[key.hash] = key
        return key

    def key_of(self, secret: str) -> ApiKey | None:
        """The key that somebody shows; None for one that was deleted, or never was."""
        return self.keys.get(hashlib.sha256(secret.encode()).hexdigest())

    def charge(self, key: ApiKey, cost: Decimal) -> None:
        key.spent.append((self.now(), cost))
        key.last_used_at = self.timestamp()
        self.used += cost

    @property
    def left(self) -> Decimal:
        """Of the credit, which pays for all keys."""
        return self.credit - self.used


def start_of(period: Reset, now: float) -> float:
    """When the running day, week or month began."""
    midnight = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "weekly":
        midnight -= timedelta(days=midnight.weekday())
    elif period == "monthly":
        midnight = midnight.replace(day=1)
    return midnight.timestamp()
