"""A workspace with a pool in the pretend cloud, whose servers only remember what is done to them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.droplets.identity import tag_of
from provisioner.droplets.machine import Machine
from provisioner.errors import RemoteError
from provisioner.pool.fill import PoolKeeper
from provisioner.runs.work import CustomerWork
from provisioner.sandbox.cloud.state import Droplet
from provisioner.settings import PoolSettings, Settings
from provisioner.ssh.connection import Host
from provisioner.steps.droplet.step import CreateDroplet
from provisioner.workspace import Workspace, init_workspace
from tests.clouds import FastCloud, settings_for


@dataclass
class Servers:
    """What was done on each server, known by its host key; `ill` are those whose gateway is not ready."""

    done: list[tuple[str, str]] = field(default_factory=list)
    ill: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    """Those that do not answer."""
    failing: set[str] = field(default_factory=set)
    """The playbooks that cannot be applied."""
    meanwhile: Callable[[], None] = lambda: None
    """What others do while a server is looked at."""
    given: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    """Each playbook with its variables."""

    @contextmanager
    def opened(
        self, host: Host, search: Sequence[Path], deadline: float, say: Callable[[str], None]
    ) -> Iterator[Machine]:
        [key] = host.host_keys
        if key in self.silent:
            raise RemoteError("connect", whom=str(host), cause="no answer")
        yield _System(self, key)


@dataclass
class _System:
    servers: Servers
    key: str

    def apply(self, playbooks: Mapping[str, Mapping[str, object]]) -> None:
        for playbook, variables in playbooks.items():
            if playbook in self.servers.failing:
                raise RemoteError("apply the playbook", cause="exit code 1")
            self.servers.done.append((self.key, playbook))
            self.servers.given.append((playbook, dict(variables)))

    def run(self, script: str, *, timeout: float) -> None:
        assert "openclaw-gateway" in script
        self.servers.meanwhile()
        if self.key in self.servers.ill:
            raise RemoteError("prepare the server", cause="exit code 1")

    def detach(self, script: str) -> None:
        raise AssertionError("nothing is detached here")

    def last_words(self) -> str:
        raise AssertionError("nothing is detached here")


@dataclass
class Site:
    """A workspace, its cloud, and its customers."""

    workspace: Workspace
    settings: Settings
    cloud: FastCloud
    servers: Servers = field(default_factory=Servers)
    said: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path, cloud: FastCloud, size: int = 1, **droplet: object) -> "Site":
        workspace, _ = init_workspace(folder)
        ssh = {"key": workspace.ssh_dir / "id_ed25519"}
        settings = settings_for(cloud, ssh=ssh, droplet=droplet, pool=PoolSettings(size=size))
        return cls(workspace, settings, cloud)

    def keeper(self) -> PoolKeeper:
        """As a new process has it."""
        return PoolKeeper(
            self.workspace,
            self.settings,
            self.cloud.client(),
            self.said.append,
            clock=self.cloud.clock,
            opened=self.servers.opened,
        )

    def want(self, size: int) -> None:
        """Another `[pool] size`."""
        self.settings = self.settings.model_copy(update={"pool": PoolSettings(size=size)})

    def add(self, email: str) -> str:
        """A new customer; their address."""
        self.workspace.store().add(new_record(SignUp(email, f"sub_{email.partition('@')[0]}")))
        return email

    def run(self, email: str) -> None:
        """The step droplet of this customer, as a new process takes it."""
        step, record = CreateDroplet(), self.workspace.store().read(email)
        work = CustomerWork(
            self.workspace,
            self.settings,
            self.cloud.services(self.settings),
            record,
            self.cloud.clock,
        )
        work.tell(self.said.append)
        if not step.done(work.customer):
            with self.workspace.store().claim(email, "provision"):
                step.run(work)

    def customer(self, email: str) -> Customer:
        return self.workspace.store().read(email).customer

    def demand_theirs(self, *emails: str) -> None:
        """Each has one droplet of their own, with their name and tag, and nothing of the pool's on it."""
        self.cloud.await_actions()
        ids = {}
        written = {one.droplet_id for one in self.keeper().members.all()}
        for email in emails:
            customer = self.customer(email)
            recorded = customer.setup.droplet
            [droplet] = [one for one in self.cloud.droplets if str(one.id) == recorded.id]
            assert (droplet.name, droplet.address) == (recorded.name, recorded.ip)
            assert tag_of(customer.id) in droplet.tags
            assert recorded.id not in written
            assert not any(tag.startswith("pool:") for tag in droplet.tags)
            ids[email] = recorded.id
        assert len(set(ids.values())) == len(ids), f"one server for two: {ids}"

    def demand_nothing_forgotten(self) -> None:
        """Every droplet is in a record, or written down as the pool's, once."""
        owned = [
            one.customer.setup.droplet.id
            for one in self.workspace.store().all()
            if one.customer is not None and one.customer.setup.droplet.id
        ]
        written = [one.droplet_id for one in self.keeper().members.all() if one.droplet_id]
        assert sorted(map(str, (one.id for one in self.cloud.droplets))) == sorted([*owned, *written])

    @property
    def pool_droplets(self) -> list[Droplet]:
        return [one for one in self.cloud.droplets if any(tag.startswith("pool:") for tag in one.tags)]
