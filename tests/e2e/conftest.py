from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.workspace import Workspace
from tests.e2e.operator import Operator

_running: list[Sandbox] = []
"""The session's sandbox, once a test has used it."""


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The outside world, with real droplets."""
    with running_sandbox(pretend=False) as sandbox:
        _running.append(sandbox)
        yield sandbox
        _running.clear()


@pytest.fixture(scope="module", autouse=True)
def _no_droplets_left() -> Iterator[None]:
    """A file's droplets end with it: a gateway that is idle takes a gigabyte, and a part of a processor."""
    yield
    for sandbox in _running:
        env = sandbox.env
        cloud = DigitalOcean(env["DIGITALOCEAN_ACCESS_TOKEN"], env["DIGITALOCEAN_END_POINT"])
        for droplet in sandbox.droplets():
            cloud.delete_droplet(str(droplet.id))


@pytest.fixture
def operator(sandbox: Sandbox, tmp_path: Path) -> Operator:
    return Operator(tmp_path / "workspace", sandbox)


@pytest.fixture(scope="session")
def image(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The mark of workspaces that have an image built: `Operator.take_mark`. A setup takes half as long."""
    operator = Operator(tmp_path_factory.mktemp("image") / "workspace", sandbox)
    operator.done("image", "build")
    return Workspace(operator.workspace).mark()
