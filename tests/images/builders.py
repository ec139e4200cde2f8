"""A builder for tests: the pretend cloud's droplet, with a system that only remembers what is done to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.droplets.machine import Machine
from provisioner.errors import RemoteError
from provisioner.images.build import ImageBuild
from provisioner.settings import Settings
from provisioner.ssh.connection import Host
from provisioner.workspace import Workspace, init_workspace
from tests.clouds import FastCloud, settings_for


@dataclass
class Builders:
    """The systems of all builders, each known by its host key; nobody can log in to one that is cleaned."""

    cloud: FastCloud
    done: list[tuple[str, str]] = field(default_factory=list)
    """The host key of each builder, and what was done there."""
    halts: bool = True
    """Whether one that is cleaned switches itself off."""
    failing: set[str] = field(default_factory=set)
    """What cannot be done there."""

    @contextmanager
    def opened(
        self, host: Host, search: Sequence[Path], deadline: float, say: Callable[[str], None]
    ) -> Iterator[Machine]:
        [key] = host.host_keys
        if (key, "clean") in self.done and self.halts:
            raise RemoteError("connect", whom=str(host), cause="permission denied")
        yield _System(self, key, host.address)

    def of(self, key: str) -> list[str]:
        return [what for where, what in self.done if where == key]


@dataclass
class _System:
    builders: Builders
    key: str
    address: str

    def apply(self, playbooks: Mapping[str, Mapping[str, object]]) -> None:
        assert all(playbooks.values())
        self.builders.done.extend((self.key, playbook) for playbook in playbooks)

    def run(self, script: str, *, timeout: float) -> None:
        what = "warm" if "gateway" in script else "refresh"
        self.builders.done.append((self.key, what))
        if what in self.builders.failing:
            raise RemoteError("prepare the server", cause="exit code 1")

    def last_words(self) -> str:
        return "there is a ~/.openclaw"

    def detach(self, script: str) -> None:
        assert "poweroff" in script
        self.builders.done.append((self.key, "clean"))
        if self.builders.halts:
            ids = [one.id for one in self.builders.cloud.droplets if one.address == self.address]
            self.builders.cloud.machines.self_halted.update(ids)


@dataclass
class Site:
    """A workspace whose images are built in the pretend cloud."""

    workspace: Workspace
    settings: Settings
    cloud: FastCloud
    builders: Builders
    said: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path, cloud: FastCloud, **droplet: object) -> "Site":
        workspace, _ = init_workspace(folder)
        settings = settings_for(cloud, ssh={"key": workspace.ssh_dir / "id_ed25519"}, droplet=droplet)
        return cls(workspace, settings, cloud, Builders(cloud))

    def process(self) -> ImageBuild:
        """As a new process has it."""
        return ImageBuild(
            self.workspace,
            self.settings,
            self.cloud.client(),
            self.said.append,
            clock=self.cloud.clock,
            opened=self.builders.opened,
        )
