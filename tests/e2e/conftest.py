from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.workspace import Workspace
from tests.e2e.operator import Operator


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The outside world, with real droplets."""
    with running_sandbox(pretend=False) as sandbox:
        yield sandbox


@pytest.fixture
def operator(sandbox: Sandbox, tmp_path: Path) -> Operator:
    return Operator(tmp_path / "workspace", sandbox)


@pytest.fixture(scope="session")
def image(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The mark of workspaces that have an image built: `Operator.take_mark`. A setup takes half as long."""
    operator = Operator(tmp_path_factory.mktemp("image") / "workspace", sandbox)
    operator.done("image", "build")
    return Workspace(operator.workspace).mark()
