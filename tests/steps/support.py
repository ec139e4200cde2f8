"""What steps are handed in tests: a `Work` that keeps the record in memory, and time that passes at once."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provisioner.clock import Clock
from provisioner.customers.record import Customer, Record
from provisioner.customers.store import CustomerStore
from provisioner.runs.workflow import PROVISION, Workflow
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Planned, Server, Step
from provisioner.steps.answer import ANSWERS
from provisioner.steps.audit import AUDIT
from provisioner.templates import render_text

MARK = "w0000001"
"""The workspace's, whose droplets these are."""


def new_record(**changes: Any) -> Record:
    """A customer for whom nothing has been done; `changes` are top-level keys of the document."""
    document = {
        "id": "cust_1234567890",
        "email": "customer@example.com",
        "name": "Ada Example",
        "signupDate": "2026-01-29T05:54:00Z",
        "status": "pending_setup",
        "subscription": {"stripeSubscriptionId": "sub_abc123", "status": "active"},
        "setup": {"status": "pending"},
        "notes": [],
        "timeline": [],
    }
    return Record({**document, **changes})


READY = '{"answers": true, "text": "READY"}\n'
"""What a server says whose assistant answers."""
AUDITED = '{"critical": [], "warnings": 1}\n'
"""What a server says on which the audit finds nothing critical."""


@dataclass
class MemoryServer:
    """A `Server` that remembers what is asked of it.

    `registered` are the values that each playbook gives; `keys` are the host keys that it would show, the
    last one now. `at` is called with each call's name before it takes effect, and may raise.
    """

    registered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    applied: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    secrets: list[Mapping[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=lambda: ["ssh-ed25519 FIRST"])
    at: Callable[[str], None] = lambda _: None

    def apply(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        self.at(f"apply {playbook}")
        self.applied.append((playbook, dict(variables)))
        self.secrets.append(dict(secrets or {}))
        return self.registered.get(playbook, {})

    def apply_together(self, playbooks: Mapping[str, Mapping[str, object]]) -> None:
        for playbook, variables in playbooks.items():
            self.apply(playbook, variables)

    def plan(
        self, playbook: str, variables: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> list[Planned]:
        self.at(f"plan {playbook}")
        return [Planned(f"{playbook}: a task", needed=True)]

    def run(self, command: str, *, timeout: float = 30) -> str:
        self.at(f"run {command}")
        return READY if ANSWERS in command else AUDITED if AUDIT in command else ""

    def fetch(self, command: str, take: Callable[[bytes], None], *, most: int) -> None:
        raise AssertionError("nothing is fetched here")

    def send(self, command: str, pieces: Iterable[bytes], *, timeout: float) -> str:
        raise AssertionError("nothing is sent here")

    def accepts(self, private: str) -> bool:
        raise AssertionError("nobody's key is tried here")

    def prepare_host_key(self) -> str:
        self.at("prepare_host_key")
        return f"ssh-ed25519 NUMBER{len(self.keys)}"

    def activate_host_key(self, public: str) -> None:
        self.at("activate_host_key")
        if self.keys[-1] != public:
            self.keys.append(public)


@dataclass
class MemoryWork:
    """A `Work` on a record in memory, in which every write is durable at once.

    `before` and `after` are called around each write with what is written ("write" or an event's name), and
    may raise to act out a crash there. A second `MemoryWork` on the same `saved` is the next process.
    """

    settings: Settings
    services: Services
    saved: Record = field(default_factory=new_record)
    server: Server = field(default=None)  # type: ignore[assignment]
    clock: Clock = field(default_factory=lambda: FastClock())
    said: list[str] = field(default_factory=list)
    everybody_else: list[Customer] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None

    @property
    def mark(self) -> str:
        return MARK

    @property
    def customer(self) -> Customer:
        return self.saved.customer

    def refresh(self) -> Customer:
        return self.customer

    def others(self) -> list[Customer]:
        return self.everybody_else

    @property
    def store(self) -> CustomerStore:
        raise AssertionError("there are no other records here")

    def state_folder(self, name: str) -> Path:
        raise AssertionError(f"there is no workspace here that could keep {name}")

    @property
    def playbooks(self) -> Path:
        return Path("/nowhere/playbooks")

    @property
    def events(self) -> list[str]:
        return [event.event for event in self.customer.timeline]

    @property
    def details(self) -> list[str]:
        return [event.details or "" for event in self.customer.timeline]

    def record(self, event: str, details: str, fields: Mapping[str, object] | None = None) -> None:
        self._commit(event, fields or {}, details)

    def write(self, fields: Mapping[str, object]) -> None:
        self._commit("write", fields, None)

    def text(self, name: str, variables: Mapping[str, object]) -> str:
        return render_text(name, {**self.settings.known_to_texts(), **variables})

    def say(self, text: str) -> None:
        self.said.append(text)

    def _commit(self, what: str, fields: Mapping[str, object], details: str | None) -> None:
        self.before(what)
        changed = Record(self.saved.data)
        changed.update(fields)
        if details is not None:
            changed.add_event(what, details)
        self.saved.data = changed.data
        self.after(what)


def workflow(*steps: Step) -> Workflow:
    """These steps, for whom `provision` may start."""
    return replace(PROVISION, steps=steps)


class FastClock:
    """A clock whose waits are over at once, although it shows that they took place."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self._now = time.time()

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self._now += seconds
        # Other threads have something to do meanwhile, such as starting a machine.
        time.sleep(0.001)
