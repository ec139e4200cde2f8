"""Real machines for the tests that are marked `sandbox`."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.machines import host, image, nspawn
from provisioner.sandbox.machines.cache import DEFAULT_CACHE
from provisioner.sandbox.machines.nspawn import NspawnMachines
from tests.sandbox.droplets import Droplet, Keys


def quiet(_line: str) -> None:
    """Nobody listens to progress here."""


@pytest.fixture(scope="session")
def base_image() -> Path:
    """The base image, built now if this machine has none yet."""
    host.require()
    return image.ensure(image.DEBIAN, DEFAULT_CACHE, quiet)


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys.generate()


@pytest.fixture(scope="module")
def machines(base_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NspawnMachines]:
    """An open sandbox of real machines, shared by the tests of one file."""
    running = nspawn.start(tmp_path_factory.mktemp("state"), f"test-{uuid.uuid4()}", quiet)
    yield running
    running.close()


@pytest.fixture
def boot(machines: NspawnMachines, keys: Keys) -> Iterator[Callable[..., Droplet]]:
    """Boots a droplet (`image=` names another image) and destroys it after the test."""
    made: list[Droplet] = []

    def booted(image: str = image.DEBIAN) -> Droplet:
        droplet = Droplet.planned(machines, keys, image)
        made.append(droplet)
        machines.create(droplet.spec)
        return droplet

    yield booted
    for droplet in made:
        machines.destroy(droplet.spec.id)
