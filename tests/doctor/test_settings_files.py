"""What `doctor` says about the settings' files."""

import os
from pathlib import Path

import pytest

from provisioner.doctor.settings_files import SettingsProblem, settings_problems
from provisioner.ssh.keys import generate_keypair
from provisioner.workspace import Workspace, init_workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace, _ = init_workspace(tmp_path)
    env = workspace.root / ".env"
    env.write_text("DIGITALOCEAN_ACCESS_TOKEN=dop_v1_x\n")
    env.chmod(0o600)
    return workspace


def only(workspace: Workspace) -> SettingsProblem:
    (problem,) = settings_problems(workspace)
    return problem


def test_sound_files_have_no_problems(workspace: Workspace) -> None:
    assert settings_problems(workspace) == []
    (workspace.root / ".env").unlink()
    assert settings_problems(workspace) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("DIGITALOCEAN_ACCES_TOKEN", "did you mean DIGITALOCEAN_ACCESS_TOKEN?"),
        ("DIGITALOCEAN_ENDPOINT", "did you mean DIGITALOCEAN_END_POINT?"),
        ("anthropic_api_key", "did you mean ANTHROPIC_API_KEY?"),
        ("ZEBRA", "remove it, or use one of ANTHROPIC_API_KEY, "),
    ],
)
def test_a_name_that_nobody_reads_is_named_with_the_nearest(
    workspace: Workspace, name: str, hint: str
) -> None:
    (workspace.root / ".env").write_text(f"{name}=secret-value\n")
    problem = only(workspace)
    assert problem.problem == f"nothing reads {name}"
    assert problem.hint.startswith(hint)
    assert "secret-value" not in str(problem)


def test_what_has_to_be_in_the_process_is_said(workspace: Workspace) -> None:
    (workspace.root / ".env").write_text("PROVISIONER_ALLOW_PLAINTEXT=1\n")
    assert only(workspace).problem == "PROVISIONER_ALLOW_PLAINTEXT has no effect there"


@pytest.mark.parametrize(("mode", "can"), [(0o644, "read"), (0o640, "read"), (0o660, "change")])
@pytest.mark.parametrize("file", [".env", ".provisioner/ssh/id_ed25519"])
def test_a_secret_file_that_others_can_open_is_said(
    workspace: Workspace, file: str, mode: int, can: str
) -> None:
    (workspace.root / file).chmod(mode)
    problem = only(workspace)
    assert problem == SettingsProblem(
        str(workspace.root / file),
        f"others can {can} it: mode {mode:04o}",
        f"chmod 600 {workspace.root / file}",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_a_secret_file_of_another_user_is_said(workspace: Workspace) -> None:
    os.chown(workspace.root / ".env", 54321, 54321)
    assert "belongs to the user 54321" in only(workspace).problem


def test_a_public_half_of_another_key_is_said(workspace: Workspace) -> None:
    (workspace.ssh_dir / "id_ed25519.pub").write_text(generate_keypair("another").public)
    problem = only(workspace)
    assert "is not the public half of id_ed25519" in problem.problem
    assert problem.hint.startswith("ssh-keygen -y -f ")


@pytest.mark.parametrize(("file", "text"), [(".env", "no line\n"), ("provisioner.toml", "[zebra]\n")])
def test_what_stops_every_command_is_left_to_its_error(workspace: Workspace, file: str, text: str) -> None:
    (workspace.root / file).write_text(text)
    assert settings_problems(workspace) == []
