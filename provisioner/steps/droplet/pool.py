"""A server that runs already, in place of one that is made: taken from the pool, and made the customer's."""

from provisioner.customers.wanted import wanted_of
from provisioner.droplets.identity import FLEET_TAG, name_of, tag_of
from provisioner.pool.claim import claim, free
from provisioner.pool.droplet import is_of_pool, pool_tag
from provisioner.pool.members import Member, Members
from provisioner.pool.recipe import Kind, read_pool_recipe
from provisioner.printable import command
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import CloudCallError
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.settings import Settings
from provisioner.step import Work
from provisioner.steps.droplet.customer import CustomersDroplet
from provisioner.steps.droplet.wish import wish_of

_HAS_ACTION = 422
"""The status for a droplet to which something else is being done."""


def pool_may_have(settings: Settings, cloud: DigitalOcean) -> bool:
    """Whether the account has a server that may belong to nobody yet; one request where a pool is wanted."""
    return bool(settings.pool.size) and any(is_of_pool(one.tags) for one in cloud.droplets_tagged(FLEET_TAG))


def ready_servers(work: Work) -> list[Member]:
    """Those that the customer may have one of, as far as is written down; none where no pool is wanted."""
    return free(_members(work), _kind(work)) if work.settings.pool.size else []


def take_from_pool(work: Work, keeper: CustomersDroplet) -> bool:
    """Whether the record has a server of the pool now; why not is said, where a pool is wanted."""
    if not work.settings.pool.size:
        return False
    kind, members = _kind(work), _members(work)
    taken = claim(
        members, work.store, work.services.cloud, work.mark, kind, work.customer.id, record=keeper.take
    )
    if taken is None:
        others = "" if free(members, kind) else f" in {kind.region}, of {kind.size} and of today's playbooks"
        work.say(f"the pool has no server ready{others}: one is made ({command('pool fill')})")
        return False
    work.say(f"took {taken.name} from the pool")
    return True


def make_theirs(work: Work, droplet: DropletInfo) -> None:
    """Give a droplet that was taken from the pool the customer's name and tag, as far as it lacks them.

    Before anything of the customer's is on it: without the pool's tag nobody else takes it.
    """
    before = work.customer.setup.droplet.pool
    if before is None:
        return
    _members(work).forget(before)
    cloud, name, tag = work.services.cloud, name_of(work.customer.id), tag_of(work.customer.id)
    if tag not in droplet.tags:
        cloud.tag_droplet(droplet.id, tag)
    if pool_tag(before) in droplet.tags:
        cloud.delete_tag(pool_tag(before))
    if droplet.name != name:
        _rename(work, droplet, name)


def _rename(work: Work, droplet: DropletInfo, name: str) -> None:
    """`doctor` tells of one that keeps its old name."""
    try:
        work.services.cloud.rename_droplet(droplet.id, name)
    except CloudCallError as error:
        if error.report.status != _HAS_ACTION:
            raise
        work.say(f"droplet {droplet.id} keeps the name {droplet.name} for now: {error.cause}")


def _members(work: Work) -> Members:
    return Members(work.state_folder("pool"))


def _kind(work: Work) -> Kind:
    """Another model is none: it comes with the customer, without a start of the gateway."""
    wish, settings = wish_of(work.customer, work.settings), work.settings
    version = wanted_of(work.customer, settings).version.value
    theirs = settings.model_copy(update={"moltbot": settings.moltbot.model_copy(update={"version": version})})
    return Kind(wish.region, wish.size, read_pool_recipe(theirs, [work.playbooks]).digest)
