"""What changes the digest of an image, and what does not."""

import shutil
from pathlib import Path

import pytest

from provisioner.errors import PlaybookError
from provisioner.images import recipe as module
from provisioner.images.recipe import PLAYBOOKS, read_recipe
from provisioner.playbook.load import load, shipped_playbooks
from provisioner.settings import DropletSettings, MoltbotSettings, Settings, SshSettings


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    """A workspace's own copy of those that go into an image."""
    for name in PLAYBOOKS:
        shutil.copytree(shipped_playbooks() / name, tmp_path / name)
    return tmp_path


def test_the_same_things_have_the_same_digest(playbooks: Path) -> None:
    shipped = read_recipe(Settings())

    assert read_recipe(Settings(), [playbooks]) == shipped
    assert len(shipped.digest) == 12


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_whatever_a_playbook_brings_counts(name: str, playbooks: Path) -> None:
    before = read_recipe(Settings(), [playbooks]).digest

    changed = sorted((playbooks / name).rglob("*.*"))[-1]
    changed.write_bytes(changed.read_bytes() + b"\n")

    assert read_recipe(Settings(), [playbooks]).digest != before


@pytest.mark.parametrize(
    "settings",
    [
        Settings(moltbot=MoltbotSettings(version="2026.9.7")),
        Settings(moltbot=MoltbotSettings(node="24.20.0")),
        Settings(moltbot=MoltbotSettings(node_sha256="0" * 64)),
        Settings(ssh=SshSettings(port=2222)),
        Settings(droplet=DropletSettings(reboot_at="")),
    ],
    ids=["moltbot", "node", "sum", "port", "reboot"],
)
def test_what_the_playbooks_are_given_counts(settings: Settings) -> None:
    assert read_recipe(settings).digest != read_recipe(Settings()).digest


@pytest.mark.parametrize(
    "settings",
    [
        Settings(node_mirror="https://mirror.example/node"),
        Settings(droplet=DropletSettings(region="fra1", size="s-2vcpu-4gb", image="debian-12-x64")),
        Settings(moltbot=MoltbotSettings(model="anthropic/other")),
    ],
    ids=["mirror", "droplet", "model"],
)
def test_what_changes_nothing_on_the_disk_does_not_count(settings: Settings) -> None:
    assert read_recipe(settings).digest == read_recipe(Settings()).digest


def test_how_it_is_cleaned_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_recipe(Settings()).digest
    monkeypatch.setattr(module, "server_script", lambda name: f"# another {name}")

    assert read_recipe(Settings()).digest != before


def test_a_playbook_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLAYBOOKS", ("server", "nothing"))

    with pytest.raises(PlaybookError, match="nothing"):
        read_recipe(Settings())


def test_no_playbook_of_an_image_takes_a_secret() -> None:
    assert [load(name).secrets for name in PLAYBOOKS] == [(), ()]
