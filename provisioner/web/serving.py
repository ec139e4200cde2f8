"""The one process of a workspace that goes on: webhooks, and whoever works while they are answered."""

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.filesystem.locks import locked
from provisioner.payments.apply import Applied
from provisioner.payments.receive import Receiver
from provisioner.settings import Settings
from provisioner.web.app import application
from provisioner.web.metrics import Metrics
from provisioner.web.server import listen, serve_until_stopped
from provisioner.worker.repeated import Repeated
from provisioner.worker.stripe_events import EventHandler, applier_of, inbox_of
from provisioner.workspace import Workspace

_EVENTS_SECONDS = 30.0
_STOP_SECONDS = 10.0
_SILENT_SECONDS = 120.0
"""A part of the process that has not come back for so long has a problem."""


@dataclass(frozen=True)
class Address:
    """Where the process listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def serve(workspace: Workspace, settings: Settings, at: Address, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; BusyError if another process serves this workspace."""
    lock = workspace.locks_dir / "serve.lock"
    with locked(lock, f"serve on {at}", "this workspace", 0.25), listen(at.host, at.port) as listener:
        port = listener.getsockname()[1]
        _Serving(workspace, settings, say).run(
            Address(at.host, port), lambda app, stop: serve_until_stopped(app, listener, stop)
        )


class _Serving:
    def __init__(self, workspace: Workspace, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._metrics = Metrics()
        self._inbox = inbox_of(workspace)
        handler = EventHandler(applier_of(workspace, settings), self._inbox, say, self._handled)
        self._events = Repeated("Stripe's events", handler.look, _EVENTS_SECONDS, say)
        self._parts = [self._events]
        self._metrics.watch(
            "provisioner_stripe_events_pending",
            "Events that were not dealt with yet",
            lambda: float(len(self._inbox.pending())),
        )

    def run(self, at: Address, answer: Callable[..., None]) -> None:
        secrets = self._settings.webhook_secrets
        receiver = Receiver(self._inbox, secrets, self._settings.is_live) if secrets else None
        if receiver is None:
            self._say("STRIPE_WEBHOOK_SECRET is not set: no events of Stripe are taken")
        app = application(self._metrics, self._say, self._not_ready, receiver, self._events.wake)
        for part in self._parts:
            part.start()
        self._say(f"serving on {at}")
        answer(app, self._stop)
        for part in self._parts:
            part.stop(_STOP_SECONDS)
        self._say("stopped")

    def _stop(self) -> None:
        self._say("stopping")

    def _handled(self, applied: Applied) -> None:
        for _, outcome in applied.outcomes:
            self._metrics.applied.labels(outcome.did).inc()

    def _not_ready(self) -> list[str]:
        wrong = [f"{part.name}: {part.problem}" for part in self._parts if part.problem]
        silent = [part.name for part in self._parts if part.idle_seconds > _SILENT_SECONDS]
        return [*wrong, *(f"{name}: no sign of life" for name in silent)]
