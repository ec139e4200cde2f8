"""The operator's key has its whole path, so that who uses it need not know the workspace."""

from pathlib import Path

import pytest

from provisioner.settings import load_settings


def test_without_a_key_it_is_the_one_that_init_makes(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}).ssh.key == tmp_path / ".provisioner/ssh/id_ed25519"


def test_a_relative_key_is_in_the_workspace_and_an_absolute_one_where_it_says(tmp_path: Path) -> None:
    for word, path in (("keys/mine", tmp_path / "keys/mine"), ("/root/.ssh/mine", Path("/root/.ssh/mine"))):
        (tmp_path / "provisioner.toml").write_text(f'[ssh]\nkey = "{word}"\n')
        assert load_settings(tmp_path, {}).ssh.key == path


def test_a_key_under_the_home_folder_is_found_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    (tmp_path / "provisioner.toml").write_text('[ssh]\nkey = "~/.ssh/mine"\n')

    assert load_settings(tmp_path, {}).ssh.key == Path("/home/somebody/.ssh/mine")
