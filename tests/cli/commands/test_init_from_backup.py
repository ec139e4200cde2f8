"""A workspace from the backup: the key and `customers/` only, put back in any order."""

import shutil
from pathlib import Path

import pytest

from provisioner.workspace import Workspace
from tests.cli.commands.conftest import EMAIL
from tests.cli.conftest import Invoke
from tests.clouds import FastCloud

KEY = ".provisioner/ssh/id_ed25519"


def _put_records_back(saved: Path, folder: Path) -> None:
    """As a copy does that keeps no permissions."""
    shutil.copytree(saved / "customers", folder / "customers", dirs_exist_ok=True)
    for path in (folder / "customers").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _put_key_back(saved: Path, folder: Path) -> None:
    (folder / KEY).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(saved / KEY, folder / KEY)
    (folder / KEY).chmod(0o600)
    (folder / f"{KEY}.pub").unlink(missing_ok=True)


@pytest.mark.parametrize("order", ["records key init", "init records key init", "key init records init"])
def test_it_works_in_any_order(
    cloud: FastCloud,
    invoke: Invoke,
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    order: str,
) -> None:
    record = workspace.store().read(EMAIL).data
    droplets, mark = len(cloud.droplets), workspace.mark()
    folder = tmp_path / "restored"
    folder.mkdir()
    monkeypatch.setenv("PROVISIONER_WORKSPACE", str(folder))
    early = invoke("list")
    assert (early.code, "provisioner init" in early.err) == (2, True)

    for step in order.split():
        if step == "init":
            assert invoke("init", str(folder)).code == 0
        else:
            {"records": _put_records_back, "key": _put_key_back}[step](workspace.root, folder)

    assert invoke("check").code == 1
    assert invoke("check", "--fix").code == 0
    restored = Workspace(folder)
    assert restored.mark() == mark
    assert restored.store().read(EMAIL).data == record
    assert (folder / KEY).read_bytes() == (workspace.root / KEY).read_bytes()
    assert (folder / f"{KEY}.pub").read_text().split()[:2] == (
        (workspace.root / f"{KEY}.pub").read_text().split()[:2]
    )
    assert EMAIL in invoke("list").out
    assert EMAIL in invoke("status").out
    again = invoke("provision", EMAIL, "--until", "droplet")
    assert again.code == 0, again.err
    assert len(cloud.droplets) == droplets
    assert restored.store().read(EMAIL).data == record


def test_without_a_token_doctor_and_ssh_say_what_they_can(
    cloud: FastCloud, invoke: Invoke, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "restored"
    folder.mkdir()
    _put_records_back(workspace.root, folder)
    _put_key_back(workspace.root, folder)
    monkeypatch.setenv("PROVISIONER_WORKSPACE", str(folder))
    monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN")
    assert invoke("init", str(folder)).code == 0
    with Workspace(folder).store().edit(EMAIL) as record:
        record.set("setup.droplet.ip", "127.0.0.1")
    (folder / "provisioner.toml").write_text("[ssh]\nport = 9\n[droplet]\nssh_seconds = 1\n")
    for words in (("doctor",), ("ssh", EMAIL, "--", "true")):
        ended = invoke(*words)
        # 255 is how ssh itself says that nobody answers.
        assert ended.code in (1, 2, 255), (words, ended.err)
        assert "this is a bug" not in ended.err
