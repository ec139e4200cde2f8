"""What doctor says about the operator's key, without using it."""

import subprocess
from pathlib import Path

import pytest

from provisioner.doctor.configuration import look_at_settings
from provisioner.doctor.findings import Findings
from provisioner.settings import load_settings
from provisioner.ssh.keys import generate_keypair
from provisioner.workspace import init_workspace


def findings(key: Path) -> list[str]:
    workspace, _ = init_workspace(key.parent / "workspace")
    (workspace.root / "provisioner.toml").write_text(f'[ssh]\nkey = "{key}"\n')
    found = Findings()
    look_at_settings(workspace, load_settings(workspace.root, {}), found)
    about = [one for one in found.noted if one.whom.startswith(str(key))]
    return [f"{finding.problem} → {finding.hint}" for finding in about]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """An RSA key, which is as good as any."""
    path = tmp_path / "id_rsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(path)], check=True)
    return path


def test_a_good_key(key: Path) -> None:
    assert findings(key) == []


def test_a_key_that_could_not_log_in(key: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-p", "-m", "PEM", "-N", "", "-f", str(key)], check=True)
    [finding] = findings(key)
    assert "not in OpenSSH form → ssh-keygen -p -f" in finding


def test_a_key_that_others_can_read(key: Path) -> None:
    key.chmod(0o644)
    assert findings(key) == [f"others can read it: mode 0644 → chmod 600 {key}"]


def test_a_public_file_of_another_key(key: Path) -> None:
    key.with_name("id_rsa.pub").write_text(generate_keypair("other").public)
    [finding] = findings(key)
    assert "not the public half" in finding
