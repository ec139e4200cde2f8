import os
import re
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from provisioner.errors import RecordError, SettingsError
from provisioner.settings import load_settings
from provisioner.ssh.keys import public_half
from provisioner.workspace import Workspace, init_workspace


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVISIONER_WORKSPACE", raising=False)


def contents(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
    }


def test_a_new_workspace_has_everything(tmp_path: Path) -> None:
    workspace, made = init_workspace(tmp_path / "new" / "er")
    for path in (
        *(
            workspace.settings_file,
            workspace.customers_dir / "README.md",
            workspace.customers_dir / "TEMPLATE.json",
        ),
        *(
            workspace.playbooks_dir,
            workspace.locks_dir,
            workspace.runs_dir,
            workspace.ssh_dir / "id_ed25519.pub",
        ),
    ):
        assert path.exists()
    for path in (
        workspace.customers_dir / "active",
        workspace.customers_dir / "archive",
        workspace.state_dir,
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((workspace.ssh_dir / "id_ed25519").stat().st_mode) == 0o600
    assert workspace.settings_file in made
    assert load_settings(workspace.root, {}).droplet.region


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    init_workspace(tmp_path)
    before = contents(tmp_path)
    assert init_workspace(tmp_path)[1] == []
    assert contents(tmp_path) == before


def test_what_is_there_stays_to_the_byte(tmp_path: Path) -> None:
    own = {
        "provisioner.toml": "[droplet]\nregion = 'fra1'\n",
        ".gitignore": "mine\n",
        "customers/README.md": "mine",
        "customers/TEMPLATE.json": "{}",
        "customers/active/a_at_b.c.json": "broken",
        ".env": "X=1",
    }
    for name, text in own.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    before = contents(tmp_path)
    init_workspace(tmp_path)
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("own", [None, "node_modules/\n"])
def test_git_never_sees_a_record_or_a_key(tmp_path: Path, own: str | None) -> None:
    if own is not None:
        (tmp_path / ".gitignore").write_text(own)
    init_workspace(tmp_path)
    (tmp_path / "customers" / "active" / "a_at_b.c.json").write_text("{}")
    (tmp_path / "customers" / "archive" / "a_at_b.c.json").write_text("{}")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    done = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    seen = {line[3:] for line in done.stdout.splitlines()}
    assert "customers/README.md" in seen
    assert not [name for name in seen if "a_at_b" in name or "ssh" in name]


def test_the_key_is_a_pair_and_a_lost_half_comes_back(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path)
    private, public = workspace.ssh_dir / "id_ed25519", workspace.ssh_dir / "id_ed25519.pub"
    before = public.read_text()
    assert before.startswith(public_half(private.read_text()))
    public.unlink()
    assert init_workspace(tmp_path)[1] == [public]
    assert public.read_text() == before


def test_a_workspace_is_found_from_below_and_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, _ = init_workspace(tmp_path / "w")
    other, _ = init_workspace(tmp_path / "o")
    assert Workspace.find(workspace.customers_dir / "active") == workspace
    monkeypatch.chdir(workspace.playbooks_dir)
    assert Workspace.find() == workspace
    monkeypatch.setenv("PROVISIONER_WORKSPACE", str(other.root))
    assert Workspace.find() == other
    assert Workspace.find(explicit=workspace.root) == workspace


def test_no_workspace_is_an_error_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for explicit in (None, tmp_path):
        with pytest.raises(SettingsError) as missing:
            Workspace.find(tmp_path, explicit)
        assert "provisioner init" in str(missing.value.hint)


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "customers").write_text("not a folder")
    with pytest.raises(RecordError, match="make the workspace"):
        init_workspace(tmp_path)


def test_the_mark_is_made_once_and_stays_with_the_records(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "one")
    other, _ = init_workspace(tmp_path / "other")

    mark = workspace.mark()

    assert re.fullmatch(r"w[0-9a-f]{8}", mark)
    assert (workspace.customers_dir / ".workspace-id").read_text() == f"{mark}\n"
    assert Workspace(workspace.root).mark() == mark
    assert other.mark() != mark
    assert workspace.store().check().findings == ()


def test_many_at_once_agree_on_one_mark(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "workspace")

    with ThreadPoolExecutor(16) as pool:
        marks = set(pool.map(lambda _: Workspace(workspace.root).mark(), range(64)))

    assert len(marks) == 1


def test_a_mark_that_is_none_is_named_and_not_replaced(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "workspace")
    (workspace.customers_dir / ".workspace-id").write_text("\n")

    with pytest.raises(SettingsError, match="workspace's mark"):
        workspace.mark()

    assert (workspace.customers_dir / ".workspace-id").read_text() == "\n"


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
STRANGER = 54321


@AS_ROOT
@pytest.mark.parametrize("what", [".", "provisioner.toml", ".env", "playbooks", "customers"])
def test_what_another_user_can_say_is_trusted_only_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    workspace, _ = init_workspace(tmp_path / "w")
    (workspace.root / ".env").touch()
    assert Workspace.find(workspace.playbooks_dir) == workspace
    os.chown(workspace.root / what, STRANGER, STRANGER)
    with pytest.raises(SettingsError, match="belongs to the user 54321") as refused:
        Workspace.find(workspace.playbooks_dir)
    assert refused.value.exit_code == 2
    assert f"--workspace {workspace.root}" in (refused.value.hint or "")
    assert Workspace.find(explicit=workspace.root) == workspace
    monkeypatch.setenv("PROVISIONER_WORKSPACE", str(workspace.root))
    assert Workspace.find(workspace.playbooks_dir) == workspace


@AS_ROOT
def test_a_workspace_is_trusted_of_root_and_of_who_called_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, _ = init_workspace(tmp_path / "w")
    monkeypatch.setattr("os.geteuid", lambda: STRANGER)
    assert Workspace.find(workspace.root) == workspace
    os.chown(workspace.root, STRANGER, STRANGER)
    assert Workspace.find(workspace.root) == workspace
    monkeypatch.setenv("SUDO_UID", "777")
    os.chown(workspace.root, 777, 777)
    with pytest.raises(SettingsError):
        Workspace.find(workspace.root)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert Workspace.find(workspace.root) == workspace


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (Path.mkdir, "not a plain file"),
        (lambda path: path.symlink_to("nowhere"), "a link to a file that is not there"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    ],
)
def test_what_is_in_the_settings_place_is_said(
    tmp_path: Path, make: Callable[[Path], None], cause: str
) -> None:
    make(tmp_path / "provisioner.toml")
    for explicit in (None, tmp_path):
        with pytest.raises(SettingsError, match=cause):
            Workspace.find(tmp_path, explicit)


def test_a_current_folder_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SettingsError, match="the current folder is gone"):
        Workspace.find()


@pytest.mark.parametrize("folder", ["~nosuchuser/w", "a\0b", "circle"])
def test_a_folder_that_cannot_be_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(SettingsError):
        Workspace.find(explicit=Path(folder))
    with pytest.raises(SettingsError):
        init_workspace(Path(folder))
