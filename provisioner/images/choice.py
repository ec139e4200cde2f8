"""Which image a droplet begins with: the newest that fits, or the plain one, and why. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from provisioner.images.naming import OwnImage
from provisioner.images.recipe import Recipe
from provisioner.printable import command
from provisioner.services.digitalocean.models import Snapshot
from provisioner.timestamps import moment

_DAY = 86_400


@dataclass(frozen=True)
class Chosen:
    """An image's slug, or a snapshot's id; one line about it, and the command that builds a better one."""

    image: str
    said: str
    better: str = ""

    def __str__(self) -> str:
        return f"{self.said} ({self.better})" if self.better else self.said


def choose(
    images: Sequence[OwnImage], recipe: Recipe, region: str, disk: int | None, now: datetime
) -> Chosen:
    """For a droplet in this region with a disk of so many GB; None if that is not known.

    `images` are the workspace's own, the newest first.
    """
    fitting = fitting_images(images, recipe.digest, region, disk)
    if fitting:
        newest = fitting[0].snapshot
        return Chosen(newest.id, f"image {newest.name}, {age_in_words(newest, now)}")
    return plain(recipe.base, *_why_none(images, recipe.digest, region, now))


def plain(base: str, why: str, better: str = "") -> Chosen:
    """The base image, because of this."""
    return Chosen(base, f"image {base}: {why}", better)


def fitting_images(images: Sequence[OwnImage], digest: str, region: str, disk: int | None) -> list[OwnImage]:
    """Those of the present recipe that can be had there, and whose disk fits; in their order."""
    return [
        image
        for image in images
        if image.digest == digest
        and region in image.snapshot.regions
        and (disk is None or image.snapshot.min_disk <= disk)
    ]


def age_in_words(snapshot: Snapshot, now: datetime) -> str:
    """How old an image is: "3 days old"."""
    days = age_in_days(snapshot, now)
    return "built today" if days < 1 else f"{days} day{'s' if days > 1 else ''} old"


def age_in_days(snapshot: Snapshot, now: datetime) -> int:
    """Whole days since it was taken."""
    taken = moment(snapshot.created_at) or now
    return max(0, int((now - taken).total_seconds()) // _DAY)


def _why_none(images: Sequence[OwnImage], digest: str, region: str, now: datetime) -> tuple[str, str]:
    """Why none fits, and the command that builds one that does."""
    build = command("image build", options=f"--region {region}")
    if not images:
        return "none of our own was built", build
    fresh = [image for image in images if image.digest == digest]
    if not fresh:
        age = age_in_words(images[0].snapshot, now)
        return f"what goes into ours has changed since the newest one ({age}) was built", build
    if not any(region in image.snapshot.regions for image in fresh):
        return f"ours is not in {region}", build
    return f"ours needs a disk of {min(image.snapshot.min_disk for image in fresh)} GB", ""
