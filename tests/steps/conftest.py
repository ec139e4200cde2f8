from pathlib import Path

import pytest

from provisioner.ssh.keys import generate_keypair


@pytest.fixture(scope="session")
def operator_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ssh") / "id_ed25519"
    path.write_text(generate_keypair("operator").private, "ascii")
    path.chmod(0o600)
    return path
