"""The stores that the contract is tried on: each can be opened, also by another process, and damaged."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provisioner.customers.files.file_names import names_for
from provisioner.customers.files.file_store import FileStore
from provisioner.customers.store import CustomerStore


class Backend(Protocol):
    """Where records are kept for one test."""

    def open(self, *, wait_seconds: float = 5) -> CustomerStore:
        """A store on these records that knows nothing of what others have done with them."""

    def source(self) -> str:
        """Python that makes `store` in another process."""

    def damage(self, email: str) -> None:
        """Make this customer's record one that cannot be read."""


@dataclass
class FileBackend:
    """Records in files."""

    base: Path

    def open(self, *, wait_seconds: float = 5) -> CustomerStore:
        return FileStore(self.base / "customers", self.base / "locks", wait_seconds=wait_seconds)

    def source(self) -> str:
        customers, locks = str(self.base / "customers"), str(self.base / "locks")
        return (
            "from pathlib import Path\n"
            "from provisioner.customers.files.file_store import FileStore\n"
            f"store = FileStore(Path({customers!r}), Path({locks!r}))\n"
        )

    def damage(self, email: str) -> None:
        places = (self.base / "customers" / "active" / name for name in names_for(email))
        path = next(path for path in places if path.exists())
        path.write_bytes(path.read_bytes()[:-20])


BACKENDS: dict[str, Callable[[Path], Backend]] = {"files": FileBackend}
