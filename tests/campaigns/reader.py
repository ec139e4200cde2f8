"""Somebody who reads records all the time while processes write them and die."""

import threading
from collections.abc import Sequence
from typing import Self

from provisioner.customers.store import CustomerStore
from provisioner.errors import RecordError

_EVERY_SECONDS = 0.01


class Reader:
    """Each record is whole at every look, and its history only grows; else `problems` says so."""

    def __init__(self, store: CustomerStore, emails: Sequence[str]) -> None:
        self._store = store
        self._emails = emails
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._histories: dict[str, list[object]] = {email: [] for email in emails}
        self.problems: list[str] = []
        self.reads = 0

    def _read(self) -> None:
        while not self.problems and not self._over.wait(_EVERY_SECONDS):
            for email in self._emails:
                self._look_at(email)

    def _look_at(self, email: str) -> None:
        try:
            now = self._store.read(email).data["timeline"]
        except RecordError as broken:
            self.problems.append(f"while it ran: {broken}")
            return
        self.reads += 1
        before = self._histories[email]
        if now[: len(before)] != before:
            self.problems.append("the timeline lost or changed an event while it ran")
        self._histories[email] = now

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)
