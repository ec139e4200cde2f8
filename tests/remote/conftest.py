"""A server on loopback for the connection; a real machine for what needs systemd."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote import sshd
from tests.remote.machine import Machine, booted


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    """An sshd on loopback, shared by the tests of one file."""
    with sshd.running(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A droplet with systemd, shared by all tests of a session."""
    with booted(tmp_path_factory.mktemp("machine"), f"remote-{uuid.uuid4()}") as running:
        yield running


@pytest.fixture
def fresh_machine(tmp_path: Path) -> Iterator[Machine]:
    """A droplet for one test alone, which may break it."""
    with booted(tmp_path, f"remote-{uuid.uuid4()}") as running:
        yield running
