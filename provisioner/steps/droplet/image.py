"""Which image a customer's droplet is to begin with."""

from provisioner.errors import CloudError
from provisioner.images.choice import Chosen, choose, plain
from provisioner.images.naming import own_images
from provisioner.images.recipe import read_recipe
from provisioner.services.digitalocean.offer import CloudOffer
from provisioner.settings import AUTO_IMAGE
from provisioner.step import Work
from provisioner.steps.droplet.wish import Wish
from provisioner.timestamps import present


def image_for(work: Work, wish: Wish) -> Chosen:
    """The one that is named, or the newest of our own that fits, or the plain one, which always does.

    An image of our own only saves time: whatever hinders its use is said, and hinders nobody.
    """
    if wish.image != AUTO_IMAGE or work.settings.digitalocean_token is None:
        return Chosen(wish.plain_image, f"image {wish.plain_image}")
    offer = work.services.cloud.offer
    try:
        recipe = read_recipe(work.settings, [work.playbooks])
        images = own_images(offer.snapshots(), work.mark)
        disk = _disk(offer, wish.size) if images else None
        return choose(images, recipe, wish.region, disk, present())
    except CloudError as error:
        return plain(wish.plain_image, f"whether there is one of our own could not be asked: {error.cause}")


def _disk(offer: CloudOffer, size: str) -> int | None:
    return next((one.disk for one in offer.sizes() if one.slug == size), None)
