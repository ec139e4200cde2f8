"""What goes wrong in the course of a day: single faults every few minutes, and outages of half an hour."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from provisioner.sandbox.control.client import Sandbox

_EVERY_HOURS = 1 / 6
_UNTIL = 0.9
"""The part of the day after which nothing new goes wrong."""

_SINGLE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cloud", {"kind": "status", "status": 500}),
    ("cloud", {"kind": "status", "status": 429, "retry_after": 30}),
    ("cloud", {"kind": "status", "status": 503}),
    ("cloud", {"kind": "reset"}),
    ("cloud", {"kind": "drop_after_effect"}),
    ("cloud", {"kind": "drop_after_effect", "method": "POST", "path": "/v2/droplets$"}),
    ("cloud", {"kind": "truncate"}),
    ("cloud", {"kind": "html"}),
    ("cloud", {"kind": "no_error_id", "status": 500}),
    ("cloud", {"kind": "list_lag", "seconds": 20, "method": "POST", "path": "/v2/droplets$"}),
    ("cloud", {"kind": "tag_lag", "seconds": 20, "method": "POST", "path": "/v2/droplets$"}),
    ("cloud", {"kind": "vanish", "method": "POST", "path": "/v2/droplets$"}),
    ("cloud", {"kind": "errored", "method": "POST", "path": "/v2/droplets$"}),
    ("telegram", {"kind": "status", "status": 500}),
    ("telegram", {"kind": "status", "status": 429, "retry_after": 5}),
    ("telegram", {"kind": "reset"}),
    ("telegram", {"kind": "drop_after_effect"}),
    ("model", {"kind": "status", "status": 529}),
    ("model", {"kind": "reset"}),
    ("mail", {"kind": "status", "status": 451}),
    ("stripe", {"kind": "status", "status": 500}),
    ("webhook", {"kind": "reset"}),
    ("webhook", {"kind": "status", "status": 500}),
)


@dataclass(frozen=True)
class Outage:
    """Something that is away from one hour of 24 to another."""

    name: str
    begins: float
    ends: float
    begin: Callable[[Sandbox], object]
    end: Callable[[Sandbox], object]


def _faulty(service: str, status: int) -> tuple[Callable[[Sandbox], object], Callable[[Sandbox], object]]:
    def begin(sandbox: Sandbox) -> None:
        sandbox.fault(service, "status", count=None, status=status)  # type: ignore[arg-type]

    def end(sandbox: Sandbox) -> None:
        for one in sandbox.faults():
            if one.service == service and one.count is None:
                sandbox.clear_faults(one.id)

    return begin, end


OUTAGES = (
    Outage("the model's key is refused", 2.0, 2.5, *_faulty("model", 401)),
    Outage(
        "the droplet limit",
        4.0,
        5.0,
        lambda sandbox: sandbox.set_cloud_options(droplet_limit=len(sandbox.droplets())),
        lambda sandbox: sandbox.set_cloud_options(droplet_limit=100_000),
    ),
    Outage("no webhook arrives", 6.0, 6.5, *_faulty("webhook", 503)),
    Outage(
        "the account is locked",
        8.0,
        9.0,
        lambda sandbox: sandbox.set_cloud_options(account_status="locked"),
        lambda sandbox: sandbox.set_cloud_options(account_status="active"),
    ),
    Outage("no mail server", 10.0, 10.5, *_faulty("mail", 451)),
    Outage("Telegram is away", 12.0, 12.5, *_faulty("telegram", 502)),
    Outage(
        "the token is revoked",
        14.0,
        14.5,
        lambda sandbox: sandbox.set_cloud_options(token="revoked"),
        lambda sandbox: sandbox.set_cloud_options(token="full"),
    ),
    Outage("the cloud is away", 16.0, 16.5, *_faulty("cloud", 503)),
)


@dataclass
class Trouble:
    """All of it, in a day of so many hours."""

    sandbox: Sandbox
    hours: float
    seed: int
    made: int = 0
    _next: float = 0.0
    _open: list[Outage] = field(default_factory=list)
    _left: list[Outage] = field(default_factory=lambda: list(OUTAGES))

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def act(self, hours: float) -> None:
        """What begins and ends at this hour."""
        at = hours * 24 / self.hours
        for outage in [one for one in self._left if one.begins <= at]:
            self._left.remove(outage)
            self._open.append(outage)
            outage.begin(self.sandbox)
        for outage in [one for one in self._open if one.ends <= at]:
            self._open.remove(outage)
            outage.end(self.sandbox)
        if hours >= self._next and hours < _UNTIL * self.hours:
            self._next = hours + _EVERY_HOURS
            service, fault = self._chance.choice(_SINGLE)
            self.sandbox.fault(service, count=self._chance.randint(1, 3), **fault)  # type: ignore[arg-type]
            self.made += 1

    def stop(self) -> None:
        """From here on all goes well."""
        for outage in self._open:
            outage.end(self.sandbox)
        self.sandbox.clear_faults()
