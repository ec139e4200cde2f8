"""A workspace with customers in every state, served."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from provisioner.web.access import passwords
from tests.web.pages.house import House, house


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that take no time; tests of passwords have the real ones."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    passwords._nobodys.cache_clear()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as served:
        yield served
