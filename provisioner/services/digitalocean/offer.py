"""What the account can have now: its limits, and what is on offer. Each is asked for once, for all."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from provisioner.clock import Clock
from provisioner.services.coalescing import outcome
from provisioner.services.digitalocean.models import Account, Image, Region, Size, Snapshot


class Source(Protocol):
    """Whom all of this is asked."""

    clock: Clock

    def account(self) -> Account: ...
    def count_droplets(self) -> int: ...
    def regions(self) -> list[Region]: ...
    def sizes(self) -> list[Size]: ...
    def image(self, name: str) -> Image | None: ...
    def distributions(self) -> list[Image]: ...
    def snapshots(self) -> list[Snapshot]: ...
    def has_ssh_key(self, public: str) -> bool: ...
    def is_guarded(self, tag: str) -> bool: ...


_T = TypeVar("_T")
_KEPT_SECONDS = 300.0
"""For how long an answer, or that there is none, stands: long enough for a fleet to begin."""


@dataclass(frozen=True)
class _Answer:
    of: Callable[[], Any]
    at: float


class CloudOffer:
    """One account's. Every method raises what its call raised, to all who ask for it."""

    def __init__(self, cloud: Source) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._answers: dict[str, _Answer] = {}

    def account(self) -> Account:
        return self._once("account", self._cloud.account)

    def droplets(self) -> int:
        """How many there were when this was first asked."""
        return self._once("droplets", self._cloud.count_droplets)

    def regions(self) -> list[Region]:
        return self._once("regions", self._cloud.regions)

    def sizes(self) -> list[Size]:
        return self._once("sizes", self._cloud.sizes)

    def image(self, name: str) -> Image | None:
        return self._once(f"image {name}", lambda: self._cloud.image(name))

    def distributions(self) -> list[Image]:
        return self._once("distributions", self._cloud.distributions)

    def snapshots(self) -> list[Snapshot]:
        return self._once("snapshots", self._cloud.snapshots)

    def has_ssh_key(self, public: str) -> bool:
        return self._once(f"key {public}", lambda: self._cloud.has_ssh_key(public))

    def has_firewall(self, tag: str) -> bool:
        return self._once(f"firewall {tag}", lambda: self._cloud.is_guarded(tag))

    def _once(self, what: str, ask: Callable[[], _T]) -> _T:
        with self._lock:
            now = self._cloud.clock.monotonic()
            known = self._answers.get(what)
            if known is None or now - known.at > _KEPT_SECONDS:
                known = self._answers[what] = _Answer(outcome(ask), now)
        answer: _T = known.of()
        return answer
