from pathlib import Path

import pytest

from provisioner.customers.files.file_store import FileStore
from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Record


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "customers", tmp_path / "locks", wait_seconds=5)


@pytest.fixture
def active(tmp_path: Path) -> Path:
    return tmp_path / "customers" / "active"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "customers" / "archive"


@pytest.fixture
def customer(store: FileStore) -> Record:
    record = new_record(SignUp("customer@example.com", "sub_abc123"))
    store.add(record)
    return record
