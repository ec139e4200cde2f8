"""Which image a droplet that is asked for now begins with."""

from collections.abc import Sequence
from pathlib import Path

from provisioner.errors import CloudError
from provisioner.images.choice import Chosen, choose, plain
from provisioner.images.naming import own_images
from provisioner.images.recipe import read_recipe
from provisioner.services.digitalocean.offer import CloudOffer
from provisioner.settings import AUTO_IMAGE, Settings
from provisioner.timestamps import present


def current_image(
    settings: Settings, offer: CloudOffer, search: Sequence[Path], mark: str, *, region: str, size: str
) -> Chosen:
    """The one that is named, or the newest of our own that fits, or the plain one, which always does.

    An image of our own only saves time: whatever hinders its use is said, and hinders nobody.
    """
    base = settings.droplet.plain_image
    if settings.droplet.image != AUTO_IMAGE:
        return Chosen(base, f"image {base}")
    try:
        recipe = read_recipe(settings, search)
        images = own_images(offer.snapshots(), mark)
        disk = _disk(offer, size) if images else None
        return choose(images, recipe, region, disk, present())
    except CloudError as error:
        return plain(base, f"whether there is one of our own could not be asked: {error.cause}")


def _disk(offer: CloudOffer, size: str) -> int | None:
    return next((one.disk for one in offer.sizes() if one.slug == size), None)
