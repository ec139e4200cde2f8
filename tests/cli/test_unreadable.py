"""A workspace that this user cannot read or write: one clear error each, and no traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke

COMMAND = Path(sys.executable).with_name("provisioner")
EMAIL = "customer@example.com"
# Root, to whom permissions mean as much as to anybody else.
BOUND = ("--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can give files to others"
)


@pytest.fixture
def anothers(workspace: Workspace, invoke: Invoke, tmp_path: Path) -> Path:
    """A workspace with a customer, all of which belongs to another user."""
    assert invoke("add", EMAIL, "sub_1").code == 0
    for path in (workspace.root, *workspace.root.rglob("*")):
        os.chown(path, 54321, 54321)
    return workspace.root


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = ["setpriv", *BOUND, str(COMMAND), "--workspace", str(folder), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")


@pytest.mark.parametrize(
    "words", [("list",), ("check",), ("note", EMAIL, "hi"), ("add", "b@example.com", "sub_2"), ("doctor",)]
)
def test_anothers_records_are_one_clear_error(anothers: Path, words: tuple[str, ...]) -> None:
    ended = _run(anothers, *words)
    assert ended.returncode == 1, ended.stderr
    assert "Permission denied" in ended.stderr + ended.stdout
    assert "run as the user who owns the workspace" in ended.stderr + ended.stdout
    assert "this is a bug" not in ended.stderr


def test_anothers_settings_are_one_clear_error(anothers: Path) -> None:
    (anothers / "provisioner.toml").chmod(0o600)
    ended = _run(anothers, "provision", EMAIL)
    assert ended.returncode == 2, ended.stderr
    assert "provisioner.toml" in ended.stderr
    assert "Permission denied" in ended.stderr


def test_a_workspace_that_can_only_be_read_can_be_read(anothers: Path) -> None:
    for path in (anothers, *anothers.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert EMAIL in _run(anothers, "list").stdout
    assert _run(anothers, "show", EMAIL).returncode == 0
    ended = _run(anothers, "note", EMAIL, "hi")
    assert ended.returncode == 1
    assert "Permission denied" in ended.stderr
    assert "this is a bug" not in ended.stderr
