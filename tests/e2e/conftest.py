from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.control.client import Sandbox, running_sandbox
from tests.e2e.operator import Operator


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The outside world, with real droplets."""
    with running_sandbox(pretend=False) as sandbox:
        yield sandbox


@pytest.fixture
def operator(sandbox: Sandbox, tmp_path: Path) -> Operator:
    return Operator(tmp_path / "workspace", sandbox)
