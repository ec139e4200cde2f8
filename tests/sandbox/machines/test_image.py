"""Which images there are, when one is built again, and what is in the one that is built."""

from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.machines import image
from provisioner.sandbox.machines.apt_sources import AptSource
from provisioner.sandbox.machines.image import Recipe
from tests.sandbox.conftest import quiet

RECIPE = Recipe((AptSource("http://mirror.example/debian", "bookworm", ("main",)),), "", ("pem",), {"A": "b"})


@pytest.mark.parametrize(
    ("slug", "reason"), [("ubuntu-24-04-x64", "boots Debian 12 only"), ("windows", "no such image")]
)
def test_an_image_that_cannot_boot_is_refused_in_words(tmp_path: Path, slug: str, reason: str) -> None:
    with pytest.raises(SandboxError, match=reason) as caught:
        image.ensure(slug, tmp_path, quiet)
    assert caught.value.hint == "choose the image debian-12-x64"
    assert list(tmp_path.iterdir()) == []


def test_equal_recipes_are_one_image_and_others_are_not() -> None:
    assert replace(RECIPE).key == RECIPE.key
    changed = [
        replace(RECIPE, sources=()),
        replace(RECIPE, apt_settings="x"),
        replace(RECIPE, certificates=()),
        replace(RECIPE, environment={}),
        replace(RECIPE, packages=("systemd",)),
        replace(RECIPE, version=RECIPE.version + 1),
    ]
    assert len({RECIPE.key, *(recipe.key for recipe in changed)}) == len(changed) + 1


@pytest.mark.sandbox
def test_nothing_in_the_image_belongs_to_one_machine(base_image: Path) -> None:
    assert not list((base_image / "etc/ssh").glob("ssh_host_*"))
    assert (base_image / "etc/machine-id").read_text() == ""
    assert not (base_image / "var/lib/cloud").exists()
    assert not (base_image / "usr/sbin/policy-rc.d").exists()
    assert not list((base_image / "var/lib/apt/lists").iterdir())
    assert not list(base_image.glob("var/cache/apt/archives/*.deb"))
