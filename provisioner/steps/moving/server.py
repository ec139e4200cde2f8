"""The server that a customer moves to: made and prepared while the old one goes on answering."""

from contextlib import closing

from provisioner.customers.parts.setup import Droplet, Move
from provisioner.customers.record import Customer
from provisioner.customers.wanted import settings_of
from provisioner.droplets.identity import stated_host_key
from provisioner.droplets.keeper import Wanted
from provisioner.droplets.machine import SshMachine
from provisioner.droplets.request import DropletRequest
from provisioner.images.recipe import playbook_variables
from provisioner.services.digitalocean.errors import DropletUnclear
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.ssh.connection import Host, connect, host_key_lines
from provisioner.ssh.host_keys import activate_host_key, prepare_host_key, prove_host_key
from provisioner.ssh.keys import operator_key
from provisioner.step import Done, Outcome, Planned, Work
from provisioner.steps.droplet.image import image_for
from provisioner.steps.droplet.second import SecondDroplet
from provisioner.steps.droplet.wish import Wish
from provisioner.steps.moving.step import MovingStep, move_of
from provisioner.timestamps import now

_BOOT_GRACE_SECONDS = 60
_NEXT = "setup.move.droplet"


class NewServer(MovingStep):
    """Gets the customer a second server, whose host key is known."""

    name = "server"

    def behind(self, move: Move) -> bool:
        return move.switched_at is not None or move.droplet.ip is not None

    def refusals(self, settings: Settings, services: Services, customer: Customer) -> list[str]:
        from provisioner.steps.droplet.preflight import preflight

        move = customer.setup.move
        if move is None or move.droplet.id or move.droplet.requested_at:
            return []
        wish = wish_for_move(customer, settings, move.region)
        return list(map(str, preflight(services.cloud, [wish], operator_key(settings.ssh.key).public)))

    def plan(self, work: Work) -> list[Planned]:
        return [Planned(f"create a second server in {move_of(work).region}", needed=True)]

    def run(self, work: Work) -> Outcome:
        droplet = DropletRequest(SecondDroplet(work), lambda: _wanted(work)).active()
        key = move_of(work).droplet.host_key or stated_host_key(droplet.tags, droplet.name)
        if key is None:
            cause = f"the host key of droplet {droplet.id} is not known"
            hint = "delete it in the DigitalOcean control panel, then run the same command again"
            raise DropletUnclear(work.customer.email, cause, hint, (droplet.id,))
        work.record(
            "droplet_active",
            f"DO droplet {droplet.id}, to which the customer moves, is active at {droplet.public_ipv4}",
            {
                f"{_NEXT}.ip": droplet.public_ipv4,
                f"{_NEXT}.created": droplet.created_at,
                f"{_NEXT}.region": droplet.region,
                f"{_NEXT}.size": droplet.size,
                f"{_NEXT}.hostKey": key,
            },
        )
        return Done()


class PrepareServer(MovingStep):
    """Has all on it that is the same for everybody, and a host key of its own making, and no secret."""

    name = "software"

    def behind(self, move: Move) -> bool:
        return move.switched_at is not None or move.prepared_at is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("apply the playbooks server and openclaw there", needed=True)]

    def run(self, work: Work) -> Outcome:
        prepare(work)
        work.write({"setup.move.preparedAt": now()})
        return Done()


def prepare(work: Work) -> None:
    """Apply them, and replace its first host key, which its user data holds."""
    settings, deadline = work.settings, work.settings.droplet.ssh_seconds
    host = host_of(work.customer, move_of(work).droplet, settings)
    work.say("connecting to the new server")
    connection = connect(
        host,
        deadline=deadline,
        grace=_BOOT_GRACE_SECONDS,
        waiting=lambda why: work.say(f"the new server does not answer yet: {why}"),
    )
    with closing(connection):
        machine = SshMachine(connection, host.owner, [work.playbooks], deadline, work.say)
        machine.apply(playbook_variables(settings_of(work.customer, settings)))
        droplet = move_of(work).droplet
        if droplet.host_key_renewed is None:
            key = droplet.next_host_key or prepare_host_key(connection)
            work.write({f"{_NEXT}.nextHostKey": key})
            activate_host_key(connection, key)
            prove_host_key(host_of(work.customer, move_of(work).droplet, settings), key).close()
            renewed = {"hostKey": key, "nextHostKey": None, "hostKeyRenewed": now()}
            fields = {f"{_NEXT}.{name}": value for name, value in renewed.items()}
            work.record("host_key_renewed", "The new server has a host key of its own making", fields)


def host_of(customer: Customer, droplet: Droplet, settings: Settings) -> Host:
    """Where the second server is, and how it proves itself."""
    keys = host_key_lines([droplet.host_key, droplet.next_host_key])
    assert droplet.ip, "the step before has written it"
    private = operator_key(settings.ssh.key).private
    return Host(droplet.ip, keys, private, settings.ssh.port, owner=f"the new server of {customer.email}")


def wish_for_move(customer: Customer, settings: Settings, region: str) -> Wish:
    """The same size there."""
    size = customer.setup.droplet.size or settings.droplet.size
    return Wish(customer.email, region, size, settings.droplet.plain_image, {"size": "record"})


def _wanted(work: Work) -> Wanted:
    """The same image again where it is not known what came of the last request."""
    move = move_of(work)
    wish = wish_for_move(work.customer, work.settings, move.region)
    if move.droplet.requested_at and move.droplet.image:
        return Wanted(wish.region, wish.size, move.droplet.image)
    chosen = image_for(work, wish)
    work.say(str(chosen))
    return Wanted(wish.region, wish.size, chosen.image)
