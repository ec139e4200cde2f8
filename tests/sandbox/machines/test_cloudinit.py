"""The seed says what the request said."""

from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from provisioner.sandbox.machines.cloudinit import SEED_FOLDER, seed, write_seed
from provisioner.sandbox.machines.interface import MachineSpec


def spec(**changes: object) -> MachineSpec:
    fields = {
        "id": 7,
        "name": "moltbot-ada",
        "address": "10.213.0.2",
        "user_data": "#cloud-config\n{}\n",
        "authorized_keys": ("ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"),
        "image": "debian-12-x64",
        "memory": 2048,
    }
    return MachineSpec(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_seed_names_the_machine_and_its_keys() -> None:
    assert yaml.safe_load(seed(spec())["meta-data"]) == {
        "instance-id": "7",
        "local-hostname": "moltbot-ada",
        "public-keys": ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"],
    }


@given(st.text(max_size=300))
def test_user_data_are_not_touched(text: str) -> None:
    assert seed(spec(user_data=text))["user-data"] == text


@given(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1), max_size=3))
def test_any_key_comment_survives(comments: list[str]) -> None:
    keys = tuple(f"ssh-ed25519 AAAA {comment}" for comment in comments)
    assert yaml.safe_load(seed(spec(authorized_keys=keys))["meta-data"])["public-keys"] == list(keys)


def test_nobody_but_root_can_read_the_seed(tmp_path: Path) -> None:
    write_seed(spec(), tmp_path)
    folder = tmp_path / SEED_FOLDER
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "meta-data": 0o600,
        "user-data": 0o600,
    }
