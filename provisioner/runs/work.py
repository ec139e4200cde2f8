"""What a step is handed, backed by the customer's record and their server."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.actor import actor
from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.known_secrets import known_redactor
from provisioner.customers.record import Customer, Record
from provisioner.customers.schema import awaited
from provisioner.customers.store import CustomerStore, everybody
from provisioner.errors import RecordError
from provisioner.secrets import secrets_in
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Server, Waiting, Work
from provisioner.templates import render_text
from provisioner.timestamps import now
from provisioner.workspace import Workspace

if TYPE_CHECKING:
    from provisioner.runs.customer_server import CustomerServer

_ATTEMPTS = 5


class CustomerWork:
    """The `Work` of one run of one customer; every write goes onto what is on disk at that moment."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        services: Services,
        record: Record,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`record` as it was read just now; what the workspace and the settings keep secret is cut out."""
        self.settings = settings
        self.services = services
        self.clock = clock
        self.redact = known_redactor(workspace.root, records=False)
        self.redact.learn(*settings.secret_values())
        self._workspace = workspace
        self.store: CustomerStore = workspace.store()
        self._say: Callable[[str], None] = lambda _text: None
        self._server: CustomerServer | None = None
        self._see(record)

    @property
    def mark(self) -> str:
        return self._workspace.mark()

    @property
    def customer(self) -> Customer:
        return self._customer

    def refresh(self) -> Customer:
        self._see(self.store.read(self._customer.id))
        return self._customer

    def others(self) -> Iterator[Customer]:
        return (one for one in everybody(self.store) if one.id != self._customer.id)

    def state_folder(self, name: str) -> Path:
        return self._workspace.state_dir / name

    @property
    def playbooks(self) -> Path:
        return self._workspace.playbooks_dir

    @property
    def server(self) -> Server:
        if self._server is None:
            from provisioner.runs.customer_server import CustomerServer

            self._server = CustomerServer(
                lambda: self._customer,
                self.playbooks,
                self.settings,
                self.redact,
                self.say,
                self._demand_server_there,
            )
        return self._server

    def record(self, event: str, details: str, fields: Mapping[str, object] | None = None) -> None:
        def change(record: Record) -> None:
            record.update(fields or {})
            record.add_event(event, self.redact(details), by=actor())

        self._commit(change)

    def write(self, fields: Mapping[str, object]) -> None:
        self._commit(lambda record: record.update(fields))

    def _commit(self, change: Callable[[Record], None]) -> None:
        """Write a change, again where somebody else's program wrote meanwhile: what it says has happened."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.store.edit(self._customer.id) as record:
                    change(record)
                break
            except RecordError as problem:
                if not problem.retry or attempt == _ATTEMPTS:
                    raise
        self._see(record)

    def text(self, name: str, variables: Mapping[str, object]) -> str:
        return text_of(self._workspace, self.settings, name, variables)

    def say(self, text: str) -> None:
        self._say(self.redact(text))

    def tell(self, say: Callable[[str], None]) -> None:
        """Whom `say` goes to from now on."""
        self._say = say

    def close(self) -> None:
        """Let go of the connection; what runs on the server goes on."""
        if self._server is not None:
            self._server.close()

    def _demand_server_there(self) -> None:
        from provisioner.steps.droplet.presence import explain_silence

        explain_silence(self.settings, lambda: self.services.cloud, self._customer)

    def _see(self, record: Record) -> None:
        self.redact.learn(*secrets_in(record.data))
        self._customer = record.customer


def text_of(workspace: Workspace, settings: Settings, name: str, variables: Mapping[str, object]) -> str:
    """As `Work.text`, for who has no customer at hand."""
    return render_text(name, {**settings.known_to_texts(), **variables}, workspace.root / "texts")


def note_waiting(work: Work, waiting: Waiting | None) -> None:
    """Keep in the record what is waited for, with one event when it begins; None when it has come."""
    noted = work.customer.setup.waiting
    if waiting is None:
        if noted is not None:
            work.write({"setup.waiting": None})
    elif noted is None or (noted.of, noted.for_) != (waiting.of_whom, waiting.to_do):
        fields = {"for": waiting.to_do, "of": waiting.of_whom, "kind": waiting.kind, "since": now()}
        details = f"Waiting for {awaited(waiting.of_whom, waiting.to_do)}"
        work.record("waiting_for_customer", details, {"setup.waiting": fields})
    elif noted.kind != waiting.kind:
        # An older run has noted it.
        work.write({"setup.waiting.kind": waiting.kind})
