"""Destroying a droplet: only the owner's own, as id, name and tags say together, and never on less."""

from collections.abc import Callable

from provisioner.droplets.identity import is_of, stated_host_key
from provisioner.droplets.keeper import DropletKeeper
from provisioner.droplets.search import DropletSearch
from provisioner.failpoints import failpoint
from provisioner.services.digitalocean.errors import DropletUnclear, NotFound
from provisioner.services.digitalocean.models import DropletInfo


def destroy_droplet(
    keeper: DropletKeeper, intend: Callable[[DropletInfo], None] = lambda _: None
) -> DropletInfo | None:
    """Destroy the owner's droplet if it is there, and nothing else; as it was, None if there was none.

    `intend` is the last to be asked, and writes down what is about to happen. DropletUnclear where it is not
    certain whose it is. What is written down of it stays, so that it can be looked for again.
    """
    droplet = _find_own(keeper)
    if droplet is None:
        return None
    intend(droplet)
    keeper.say(f"destroying droplet {droplet.id} ({droplet.name})")
    failpoint("before a droplet is destroyed")
    keeper.cloud.delete_droplet(droplet.id)
    failpoint("after a droplet is destroyed")
    return droplet


def _find_own(keeper: DropletKeeper) -> DropletInfo | None:
    """The droplet that is written down as the owner's; one that was asked for is looked for first.

    None if there is none; DropletUnclear for one that is not the owner's by its name and its tags.
    """
    if keeper.asked.id is None and keeper.asked.requested_at is not None:
        found = DropletSearch(keeper).settle()
        if found is not None:
            keeper.found(found, stated_host_key(found.tags, found.name))
    droplet = _by_id(keeper)
    if droplet is not None:
        _demand_ours(keeper, droplet)
    return droplet


def _by_id(keeper: DropletKeeper) -> DropletInfo | None:
    """An id that is not known may be one that is not known everywhere yet, unless it has been up."""
    if keeper.asked.id is None:
        return None
    try:
        return keeper.cloud.droplet(keeper.asked.id)
    except NotFound:
        return None if keeper.asked.seen else DropletSearch(keeper).settle()


def is_ours(keeper: DropletKeeper, droplet: DropletInfo) -> bool:
    """Whether name and tags say that this is the owner's."""
    named = droplet.name.lower() == keeper.name
    return named and keeper.tag in droplet.tags and is_of(droplet.tags, keeper.mark)


def _demand_ours(keeper: DropletKeeper, droplet: DropletInfo) -> None:
    """Id, name and tags all have to say so: only then it may go."""
    if droplet.id == keeper.asked.id and is_ours(keeper, droplet):
        return
    raise DropletUnclear(
        keeper.whom,
        f"droplet {droplet.id} ({droplet.name}) is not {keeper.whose} by its name and its tags",
        "look at it in the DigitalOcean control panel, and delete it there if nobody needs it",
        (droplet.id,),
    )
