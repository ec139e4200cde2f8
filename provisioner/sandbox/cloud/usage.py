"""What was used, from when to when and at what price: what the invoices are made of.

A droplet is charged from when it is up until it is deleted, whether it is on or off, and at most its monthly
price a month; each backup by a share of that price; a snapshot by its size. The prices are the published
ones; that a droplet which never came up costs nothing is our choice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from provisioner.sandbox.cloud.catalog import BackupPlan, Image, Size

CENT: Final = Decimal("0.01")
_HOURS_A_MONTH: Final = 672
"""After so many hours the hourly price is the monthly one."""
_SNAPSHOT_GIGABYTE: Final = Decimal("0.06")
_SECONDS_AN_HOUR: Final = 3600


@dataclass
class Use:
    """One thing at one price; `start` and `end` (None: still there) are in seconds since the epoch.

    What has no `hourly` price is charged once, in the month in which it starts. Prices are in dollars.
    """

    product: str
    resource: str
    """The resource as projects name it: `do:droplet:7`."""
    description: str
    monthly: Decimal
    hourly: Decimal | None
    start: float
    end: float | None = None

    def hours(self, since: float, until: float) -> Decimal:
        """How long it was there between two moments."""
        end = until if self.end is None else min(until, self.end)
        return max(Decimal(0), Decimal(end - max(since, self.start)) / _SECONDS_AN_HOUR)

    def within(self, since: float, until: float) -> bool:
        """Whether anything of it falls between two moments."""
        if self.hourly is None:
            return since <= self.start < until
        return self.start < until and (self.end is None or self.end > since)

    def cost(self, since: float, until: float) -> Decimal:
        """For the part of one month that it was there: by the second, and a cent at least."""
        if self.hourly is None:
            return self.monthly.quantize(CENT, ROUND_HALF_UP)
        exact = min(self.monthly, self.hourly * self.hours(since, until))
        return max(CENT, exact.quantize(CENT, ROUND_HALF_UP))


class UsageLog:
    """Everything that was ever used, in the order in which it began."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.uses: list[Use] = []

    def begin_droplet(self, droplet_id: int, name: str, size: Size) -> None:
        """It is up, or has another size from now on."""
        resource = urn_of(droplet_id)
        self.end(resource)
        monthly, hourly = Decimal(str(size.monthly)), Decimal(str(size.hourly))
        self._begin("Droplets", resource, f"{name} ({size.slug})", monthly, hourly)

    def add_backup(self, droplet_id: int, name: str, size: Size, plan: BackupPlan) -> None:
        """One more backup has been taken."""
        share = Decimal(str(size.monthly)) * plan.percent / 100
        self._begin("Backups", urn_of(droplet_id), f"{name} ({size.slug})", share, None)

    def begin_snapshot(self, image: Image) -> None:
        monthly = Decimal(str(image.gigabytes)) * _SNAPSHOT_GIGABYTE
        description = f"{image.name} ({image.gigabytes} GiB)"
        self._begin("Snapshots", snapshot_urn(image.id), description, monthly, monthly / _HOURS_A_MONTH)

    def end(self, resource: str) -> None:
        """It is not charged any more; nothing happens if it was not."""
        for use in self.uses:
            if use.resource == resource and use.end is None:
                use.end = self._now()

    def _begin(
        self, product: str, resource: str, description: str, monthly: Decimal, hourly: Decimal | None
    ) -> None:
        self.uses.append(Use(product, resource, description, monthly, hourly, self._now()))


def urn_of(droplet_id: int) -> str:
    """What projects and private networks call a droplet."""
    return f"do:droplet:{droplet_id}"


def snapshot_urn(image_id: int) -> str:
    return f"do:image:{image_id}"
