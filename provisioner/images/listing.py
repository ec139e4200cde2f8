"""Our own images as `image list` shows them, and which of them `image prune` may delete. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from provisioner.images.choice import age_in_days, fitting_images
from provisioner.images.naming import OwnImage, own_images, unfinished
from provisioner.images.recipe import Recipe
from provisioner.services.digitalocean.models import Snapshot

MONTHLY_PER_GIGABYTE = 0.06
"""Dollars, as DigitalOcean bills snapshots."""

State = Literal["used", "elsewhere", "spare", "stale", "unfinished"]


@dataclass(frozen=True)
class Listed:
    """One image; `days` is its age, `monthly` in dollars.

    `state`: used by droplets that are made now; elsewhere: the newest in a region that the settings do not
    name; spare: there is a newer one; stale: of other playbooks or versions; unfinished: its build has not
    ended, or was given up.
    """

    snapshot: Snapshot
    state: State
    days: int
    monthly: float

    @property
    def may_go(self) -> bool:
        """Whether no droplet would be made from it."""
        return self.state in ("spare", "stale", "unfinished")


def listed(
    snapshots: Iterable[Snapshot], recipe: Recipe, region: str, disk: int | None, now: datetime, mark: str
) -> list[Listed]:
    """All of the workspace's with this mark, the newest first.

    `region` and `disk` (GB) are those that the settings want.
    """
    everything = list(snapshots)
    images = own_images(everything, mark)
    shown = [_listed(one.snapshot, _state(one, images, recipe, region, disk), now) for one in images]
    return shown + [_listed(one, "unfinished", now) for one in unfinished(everything, mark)]


def _listed(snapshot: Snapshot, state: State, now: datetime) -> Listed:
    monthly = snapshot.gigabytes * MONTHLY_PER_GIGABYTE
    return Listed(snapshot, state, age_in_days(snapshot, now), monthly)


def _state(
    image: OwnImage, images: Sequence[OwnImage], recipe: Recipe, region: str, disk: int | None
) -> State:
    if image.digest != recipe.digest:
        return "stale"
    if image in fitting_images(images, recipe.digest, region, disk)[:1]:
        return "used"
    newest = {one: fitting_images(images, recipe.digest, one, None)[0] for one in image.snapshot.regions}
    return "elsewhere" if any(first is image for first in newest.values()) else "spare"
