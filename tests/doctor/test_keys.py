"""What doctor says about the operator's key, without using it."""

import subprocess
from pathlib import Path

import pytest

from provisioner.doctor.configuration import look_at_settings
from provisioner.doctor.findings import Findings
from provisioner.remote.keys import generate_keypair
from provisioner.settings import Settings


def findings(key: Path) -> list[str]:
    found = Findings()
    look_at_settings(Settings.model_validate({"ssh": {"key": key}}), found)
    return [f"{finding.problem} → {finding.hint}" for finding in found.noted if finding.kind == "key"]


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
    assert findings(key) == [f"can be read by others → chmod 600 {key}"]


def test_a_public_file_of_another_key(key: Path) -> None:
    key.with_name("id_rsa.pub").write_text(generate_keypair("other").public)
    [finding] = findings(key)
    assert "not the public half" in finding
