from collections.abc import Iterator

import pytest

from tests.clouds import CloudServer, FastCloud, cloud_server


@pytest.fixture(scope="session")
def clouds() -> Iterator[CloudServer]:
    with cloud_server() as server:
        yield server


@pytest.fixture
def cloud(clouds: CloudServer) -> Iterator[FastCloud]:
    with clouds.cloud() as fast:
        yield fast
