"""Deleting images of this workspace that no droplet would be made from any more."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from provisioner.failpoints import failpoint
from provisioner.images.listing import Listed
from provisioner.services.digitalocean.client import DigitalOcean


@dataclass(frozen=True)
class Pruned:
    """What was deleted, and what it cost a month in dollars."""

    deleted: tuple[Listed, ...]

    @property
    def monthly(self) -> float:
        return sum(one.monthly for one in self.deleted)


def prunable(images: Iterable[Listed], being_built: str | None) -> list[Listed]:
    """Those that may go; `being_built` is the name of the image that a build is about to finish."""
    return [one for one in images if one.may_go and one.snapshot.name != being_built]


def prune(cloud: DigitalOcean, images: Iterable[Listed], say: Callable[[str], None]) -> Pruned:
    """Delete these, one after the other; what is gone already counts as deleted. CloudError."""
    deleted = []
    for one in images:
        say(f"deleting {one.snapshot.name}")
        failpoint("before delete an image")
        cloud.delete_snapshot(one.snapshot.id)
        failpoint("after delete an image")
        deleted.append(one)
    return Pruned(tuple(deleted))
