"""What the account has of our own images now, and what a new droplet would begin with."""

from dataclasses import dataclass

from provisioner.images.build import build_file
from provisioner.images.choice import Chosen, choose
from provisioner.images.listing import Listed, listed
from provisioner.images.naming import own_images
from provisioner.images.prune import prunable
from provisioner.images.recipe import read_recipe
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.settings import AUTO_IMAGE, Settings
from provisioner.timestamps import present
from provisioner.workspace import Workspace


@dataclass(frozen=True)
class Shelf:
    """`images`, the newest first; `chosen` for a droplet of the settings; `building` is the name of an image
    that was begun and is not finished."""

    images: tuple[Listed, ...]
    chosen: Chosen
    building: str | None

    @property
    def prunable(self) -> list[Listed]:
        """What `image prune` deletes."""
        return prunable(self.images, self.building)


def look(workspace: Workspace, settings: Settings, cloud: DigitalOcean) -> Shelf:
    """Two requests at most; CloudError."""
    recipe = read_recipe(settings, [workspace.playbooks_dir])
    wanted, mark, moment = settings.droplet, workspace.mark(), present()
    snapshots = cloud.snapshots()
    disk = None
    if snapshots:
        disk = next((size.disk for size in cloud.offer.sizes() if size.slug == wanted.size), None)
    begun = build_file(workspace).read()
    chosen = choose(own_images(snapshots, mark), recipe, wanted.region, disk, moment)
    if wanted.image != AUTO_IMAGE:
        chosen = Chosen(wanted.image, f"image {wanted.image}: [droplet] image in provisioner.toml names it")
    images = listed(snapshots, recipe, wanted.region, disk, moment, mark)
    return Shelf(tuple(images), chosen, begun.name if begun else None)
