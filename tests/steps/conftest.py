from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.ssh.keys import generate_keypair
from tests.clouds import CloudServer, FastCloud, cloud_server


@pytest.fixture(scope="session")
def clouds() -> Iterator[CloudServer]:
    with cloud_server() as server:
        yield server


@pytest.fixture
def cloud(clouds: CloudServer) -> Iterator[FastCloud]:
    with clouds.cloud() as fast:
        yield fast


@pytest.fixture(scope="session")
def operator_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ssh") / "id_ed25519"
    path.write_text(generate_keypair("operator").private, "ascii")
    path.chmod(0o600)
    return path
