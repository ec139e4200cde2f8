"""What `doctor` says of the settings and of the files that they stand in."""

from pathlib import Path

import pytest

from provisioner.doctor.configuration import look_at_settings
from provisioner.doctor.findings import Findings, Trouble
from provisioner.settings import load_settings
from provisioner.workspace import Workspace, init_workspace
from tests.doctor.hints import check_hint

GOOD = "DIGITALOCEAN_ACCESS_TOKEN=dop_v1_x\nANTHROPIC_API_KEY=sk-ant-x\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path / "workspace")
    write_env(workspace, GOOD)
    write_toml(workspace, '[operator]\ncontact = "help@stuffpress.example"\n')
    return workspace


def write_toml(workspace: Workspace, text: str) -> None:
    (workspace.root / "provisioner.toml").write_text(text)


def write_env(workspace: Workspace, text: str, mode: int = 0o600) -> None:
    path = workspace.root / ".env"
    path.write_text(text)
    path.chmod(mode)


def findings(workspace: Workspace) -> list[Trouble]:
    found = Findings()
    look_at_settings(workspace, load_settings(workspace.root, {}), found)
    for one in found.noted:
        check_hint(one.hint)
    return found.noted


def test_a_new_workspace_with_its_secrets_is_in_order(workspace: Workspace) -> None:
    assert findings(workspace) == []


@pytest.mark.parametrize("name", ["DIGITALOCEAN_ACCESS_TOKEN", "ANTHROPIC_API_KEY"])
def test_a_secret_that_is_not_set(workspace: Workspace, name: str) -> None:
    write_env(workspace, "".join(line + "\n" for line in GOOD.splitlines() if not line.startswith(name)))

    (finding,) = findings(workspace)

    assert (finding.kind, finding.whom, finding.problem) == ("settings", name, "is not set")
    assert ".env" in finding.hint


@pytest.mark.parametrize("contact", [None, "support@example.com"])
def test_a_contact_that_nobody_has_set(workspace: Workspace, contact: str | None) -> None:
    write_toml(workspace, f'[operator]\ncontact = "{contact}"\n' if contact else "")

    (finding,) = findings(workspace)

    assert (finding.kind, finding.whom) == ("settings", "provisioner.toml")
    assert finding.hint.startswith("set [operator] contact in provisioner.toml")


def test_secrets_that_others_can_read(workspace: Workspace) -> None:
    write_env(workspace, GOOD, 0o644)

    (finding,) = findings(workspace)

    path = workspace.root / ".env"
    assert (finding.whom, finding.problem) == (str(path), "others can read it: mode 0644")
    assert finding.hint == f"chmod 600 {path}"


def test_a_name_that_nothing_reads(workspace: Workspace) -> None:
    write_env(workspace, f"{GOOD}ANTROPIC_API_KEY=sk-ant-y\n")

    (finding,) = findings(workspace)

    assert finding.problem == "nothing reads ANTROPIC_API_KEY"
    assert "ANTHROPIC_API_KEY" in finding.hint
    assert "sk-ant-y" not in str(finding)


def test_a_key_that_is_gone(workspace: Workspace) -> None:
    (workspace.ssh_dir / "id_ed25519").unlink()

    (finding,) = findings(workspace)

    assert finding.kind == "key"
    assert "No such file" in finding.problem
    assert check_hint(finding.hint) == [["init"]]
