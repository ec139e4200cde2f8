"""Which image a customer's droplet is to begin with."""

from provisioner.customers.wanted import wanted_of
from provisioner.images.choice import Chosen, plain
from provisioner.images.current import current_image
from provisioner.settings import AUTO_IMAGE
from provisioner.step import Work
from provisioner.steps.droplet.wish import Wish


def image_for(work: Work, wish: Wish) -> Chosen:
    """The one that `current_image` chooses; without a token there is nobody to ask."""
    if work.settings.digitalocean_token is None:
        return Chosen(wish.image, f"image {wish.image}")
    version, usual = wanted_of(work.customer, work.settings).version, work.settings.moltbot.version
    if work.settings.droplet.image == AUTO_IMAGE and version.value != usual:
        return plain(wish.image, f"ours have version {usual}, and {version.whence} wants {version.value}")
    offer = work.services.cloud.offer
    return current_image(
        work.settings, offer, [work.playbooks], work.mark, region=wish.region, size=wish.size
    )
