"""The step droplet: one droplet for the customer, and never two; `droplets/request.py` says how."""

from provisioner.customers.done import is_done
from provisioner.customers.record import Customer
from provisioner.droplets.identity import name_of, stated_host_key
from provisioner.droplets.keeper import Wanted
from provisioner.droplets.request import DropletRequest
from provisioner.errors import SettingsError
from provisioner.printable import command
from provisioner.services.digitalocean.errors import DropletUnclear
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.ssh.keys import operator_key
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.droplet.customer import CustomersDroplet, begun
from provisioner.steps.droplet.image import image_for
from provisioner.steps.droplet.pool import make_theirs, pool_may_have, ready_servers, take_from_pool
from provisioner.steps.droplet.wish import wish_of


class CreateDroplet(Step):
    """Gets the customer a server of their own, whose host key is known."""

    name = "droplet"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        missing = []
        if settings.digitalocean_token is None:
            missing.append("set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env")
        try:
            operator_key(settings.ssh.key)
        except SettingsError as error:
            missing.append(f"{error.hint} ({error.cause})")
        return missing

    def refusals(self, settings: Settings, services: Services, customer: Customer) -> list[str]:
        droplet = customer.setup.droplet
        if droplet.id or droplet.requested_at:
            # It is there, or may be: then nothing is asked for before that is seen.
            return []
        from provisioner.steps.droplet.preflight import preflight

        wishes = [wish_of(customer, settings)]
        problems = preflight(services.cloud, wishes, operator_key(settings.ssh.key).public)
        if any(one.kind == "limit" for one in problems) and pool_may_have(settings, services.cloud):
            # A server that is there already can be had in a full account, too.
            problems = [one for one in problems if one.kind != "limit"]
        return list(map(str, problems))

    def done(self, customer: Customer) -> bool:
        return is_done(customer, self.name)

    def plan(self, work: Work) -> list[Planned]:
        droplet, wanted = work.customer.setup.droplet, wish_of(work.customer, work.settings)
        if droplet.id:
            where = f"droplet {droplet.id}" + (f" at {droplet.ip}" if droplet.ip else ", until it is active")
            return [Planned(where, needed=not self.done(work.customer))]
        if droplet.requested_at:
            return [Planned(f"look for the droplet asked for at {droplet.requested_at}", needed=True)]
        ready = ready_servers(work)
        if ready:
            return [Planned(f"take {ready[0].name} from the pool", needed=True)]
        name, said = name_of(work.customer.id), image_for(work, wanted)
        size, region = (
            f"{kind}{wanted.whence(of)}" for of, kind in (("size", wanted.size), ("region", wanted.region))
        )
        return [Planned(f"create {name}: {size}, {region}, {said}", needed=True)]

    def run(self, work: Work) -> Outcome:
        keeper = CustomersDroplet(work)
        droplet = DropletRequest(keeper, lambda: _wanted(work), lambda: take_from_pool(work, keeper)).active()
        make_theirs(work, droplet)
        self._record_active(work, droplet)
        return Done()

    def _record_active(self, work: Work, droplet: DropletInfo) -> None:
        work.record(
            "droplet_active",
            f"DO droplet {droplet.id} is active at {droplet.public_ipv4}",
            {
                "setup.droplet.provider": "digitalocean",
                "setup.droplet.ip": droplet.public_ipv4,
                "setup.droplet.created": droplet.created_at,
                "setup.droplet.region": droplet.region,
                "setup.droplet.size": droplet.size,
                "setup.droplet.hostKey": _known_host_key(work.customer, droplet),
                **begun(work.customer),
            },
        )


def _wanted(work: Work) -> Wanted:
    """The same image again where it is not known what came of the last request."""
    wish, droplet = wish_of(work.customer, work.settings), work.customer.setup.droplet
    if droplet.requested_at and droplet.image:
        return Wanted(wish.region, wish.size, droplet.image)
    chosen = image_for(work, wish)
    work.say(str(chosen))
    return Wanted(wish.region, wish.size, chosen.image)


def _known_host_key(customer: Customer, droplet: DropletInfo) -> str:
    """The record's, which may be newer than the one that the droplet began with."""
    known = customer.setup.droplet.host_key or stated_host_key(droplet.tags, droplet.name)
    if known is None:
        raise _unknown_host_key(customer, droplet)
    return known


def _unknown_host_key(customer: Customer, droplet: DropletInfo) -> DropletUnclear:
    return DropletUnclear(
        customer.email,
        f"the host key of droplet {droplet.id} is not known",
        "read /etc/ssh/ssh_host_ed25519_key.pub in the droplet's console in the control panel, then "
        + command("update", customer.email, "setup.droplet.hostKey", "ssh-ed25519 AAAA…"),
        (droplet.id,),
    )
