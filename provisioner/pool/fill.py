"""Filling and draining the pool: whatever a kill leaves, the same command goes on with it.

A server is destroyed only when its file says that it is leaving, which is written under the lock under which
servers are taken, and when id, name and tags all say that it is the pool's.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.droplets.keeper import Wanted
from provisioner.droplets.machine import Machine, OpenMachine, open_machine
from provisioner.droplets.request import DropletRequest
from provisioner.errors import CloudError, ProvisionerError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.images.current import current_image
from provisioner.pool.droplet import PoolDroplet
from provisioner.pool.members import Member, Members, has_owner, new_member
from provisioner.pool.recipe import GATEWAY, Kind, read_pool_recipe
from provisioner.pool.state import is_too_old
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import NotFound
from provisioner.settings import Settings
from provisioner.ssh.connection import Host
from provisioner.ssh.keys import operator_key
from provisioner.timestamps import now, present
from provisioner.workspace import Workspace

_HEALTH_SECONDS = 60.0
_ANSWER_SECONDS = 15.0


@dataclass
class Filled:
    """What came of it: servers made, destroyed (with why), and what could not be done for one."""

    made: list[Member] = field(default_factory=list)
    destroyed: list[Member] = field(default_factory=list)
    failed: list[tuple[str, ProvisionerError]] = field(default_factory=list)


class PoolKeeper:
    """The pool of one workspace, for who fills or drains it."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        cloud: DigitalOcean,
        say: Callable[[str], None],
        *,
        clock: Clock = SYSTEM_CLOCK,
        opened: OpenMachine = open_machine,
    ) -> None:
        """`opened` connects to a server."""
        self.members = pool_members(workspace)
        self._store = workspace.store()
        self._mark = workspace.mark()
        self._settings = settings
        self._cloud = cloud
        self._say = say
        self._clock = clock
        self._opened = opened
        self._search = [workspace.playbooks_dir]
        self._recipe = read_pool_recipe(settings, self._search)

    def fill(self) -> Filled:
        """Make what is missing, and replace what is stale, too old, or not healthy any more.

        A server that does not answer is left alone: that may be the network's fault. BusyError while another
        process fills or drains. What fails for one server stands in the result.
        """
        filled = Filled()
        with self.members.filling("fill the pool"):
            for member in self._present(filled):
                reason = self._reason_to_replace(member, filled)
                if reason is not None:
                    self._retire(member, reason, filled)
            begun = [one for one in self._present(filled) if one.ready_at is None] + self._missing()
            # All are asked for before the first is waited for, so that they boot at the same time.
            for step in (self._ask, self._make_ready):
                begun = [one for one in (step(each, filled) for each in begun) if one is not None]
            filled.made = begun
        return filled

    def drain(self, keep: int = 0) -> Filled:
        """Destroy all that nobody has taken, but the newest `keep` that are ready. Errors as of `fill`."""
        filled = Filled()
        with self.members.filling("drain the pool"):
            there = self._present(filled)
            ready = [one for one in there if one.is_free]
            kept = {one.name for one in ready[len(ready) - keep :]} if keep else set()
            for member in there:
                if member.name not in kept:
                    self._retire(member, "the pool is drained", filled)
        return filled

    def _present(self, filled: Filled) -> list[Member]:
        """Those that are the pool's to keep. What a kill has left is put right: taken, or leaving."""
        present = []
        for member in self.members.all():
            if has_owner(self._store, member):
                self._forget_taken(member)
            elif member.leaving is not None:
                self._destroy(member, filled)
            else:
                present.append(member)
        return present

    def _forget_taken(self, member: Member) -> None:
        with self.members.choosing("look whose a server is"):
            if has_owner(self._store, member):
                self.members.forget(member.name)

    def _missing(self) -> list[Member]:
        """A new one for each that is wanted and not there, written down."""
        there = [one.kind for one in self.members.all() if one.leaving is None]
        missing = [
            new_member(kind)
            for kind in wanted_kinds(self._settings, self._recipe.digest)
            for _ in range(self._settings.pool.size - there.count(kind))
        ]
        for member in missing:
            self.members.write(member)
        return missing

    def _reason_to_replace(self, member: Member, filled: Filled) -> str | None:
        if member.digest != self._recipe.digest:
            return "playbooks, versions or settings have changed since"
        if member.ready_at is None:
            return None
        if is_too_old(member, present()):
            return "it is too old"
        try:
            return self._ill(member)
        except ProvisionerError as error:
            filled.failed.append((member.name, error))
            return None

    def _ill(self, member: Member) -> str | None:
        """What is certainly wrong with it, as the account or the server itself says."""
        assert member.droplet_id, "it is ready"
        try:
            droplet = self._cloud.droplet(member.droplet_id)
        except NotFound:
            return "its droplet is gone"
        if droplet.status != "active" or droplet.public_ipv4 != member.address:
            return f"its droplet is {droplet.status}, at {droplet.public_ipv4 or 'no address'}"
        self._say(f"looking at {member.name}")
        with self._open(member, _ANSWER_SECONDS) as machine:
            try:
                machine.run("openclaw-gateway wait && openclaw-gateway ready", timeout=_HEALTH_SECONDS)
            except RemoteError as error:
                return f"its gateway is not ready: {error.cause}"
        return None

    def _ask(self, member: Member, filled: Filled) -> Member | None:
        return self._try(member, filled, lambda keeper: self._request(keeper).accepted())

    def _make_ready(self, member: Member, filled: Filled) -> Member | None:
        return self._try(member, filled, self._prepare)

    def _try(self, member: Member, filled: Filled, what: Callable[[PoolDroplet], None]) -> Member | None:
        """The member as it is afterwards; None if it failed, which is nobody else's trouble."""
        keeper = self._keeper(member)
        try:
            what(keeper)
        except ProvisionerError as error:
            filled.failed.append((member.name, error))
            return None
        return keeper.member

    def _prepare(self, keeper: PoolDroplet) -> None:
        droplet = self._request(keeper).active()
        keeper.write(address=droplet.public_ipv4)
        with self._open(keeper.member, self._settings.droplet.ssh_seconds) as machine:
            machine.apply(self._recipe.image.variables)
            machine.apply({GATEWAY: self._recipe.gateway})
        failpoint("before a server of the pool is ready")
        keeper.write(ready_at=now())
        failpoint("after a server of the pool is ready")
        keeper.say(f"{keeper.name} is ready")

    def _request(self, keeper: PoolDroplet) -> DropletRequest:
        return DropletRequest(keeper, lambda: self._wanted(keeper.member))

    def _wanted(self, member: Member) -> Wanted:
        """The same image again where it is not known what came of the last request."""
        if member.requested_at and member.image:
            return Wanted(member.region, member.size, member.image)
        chosen = current_image(
            self._settings,
            self._cloud.offer,
            self._search,
            self._mark,
            region=member.region,
            size=member.size,
        )
        self._say(f"{member.name}: {chosen}")
        return Wanted(member.region, member.size, chosen.image)

    def _retire(self, member: Member, reason: str, filled: Filled) -> None:
        """Let nobody take it any more, and destroy it; nothing where somebody was faster."""
        with self.members.choosing(f"retire {member.name}"):
            there = self.members.read(member.name)
            if there is None or has_owner(self._store, there):
                return
            leaving = replace(there, leaving=reason)
            self.members.write(leaving)
        self._destroy(leaving, filled)

    def _destroy(self, member: Member, filled: Filled) -> None:
        keeper = self._keeper(member)
        try:
            keeper.destroy()
            keeper.forget()
        except CloudError as error:
            filled.failed.append((member.name, error))
        else:
            filled.destroyed.append(member)

    def _keeper(self, member: Member) -> PoolDroplet:
        return PoolDroplet(
            member, self.members, self._settings, self._cloud, self._mark, self._clock, self._say
        )

    def _open(self, member: Member, deadline: float) -> AbstractContextManager[Machine]:
        ssh = self._settings.ssh
        assert member.address, "its droplet is up"
        assert member.host_key, "a request writes its host key down"
        key = operator_key(ssh.key).private
        host = Host(member.address, (member.host_key,), key, ssh.port, owner=member.name)
        return self._opened(host, self._search, deadline, self._say)


def wanted_kinds(settings: Settings, digest: str) -> Sequence[Kind]:
    """Of which servers there shall be `[pool] size` each."""
    return [Kind(region, settings.droplet.size, digest) for region in settings.pool_regions]


def pool_members(workspace: Workspace) -> Members:
    """Where a workspace writes down the servers of its pool."""
    return Members(workspace.state_dir / "pool")
