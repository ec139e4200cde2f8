"""The one process of a workspace that goes on: webhooks, and whoever works while they are answered."""

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from starlette.routing import BaseRoute

from provisioner.payments.apply import Applied
from provisioner.payments.receive import Receiver
from provisioner.printable import command
from provisioner.settings import Settings
from provisioner.web.app import application
from provisioner.web.metrics import Metrics
from provisioner.web.server import listen, serve_until_stopped
from provisioner.worker.process import Parts, alone
from provisioner.workspace import Workspace

Say = Callable[[str], None]
_SWITCH_SECONDS = 0.0005


@dataclass(frozen=True)
class Address:
    """Where the process listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def serve(workspace: Workspace, settings: Settings, at: Address, say: Say) -> None:
    """Serve and work until SIGTERM or SIGINT; BusyError if another process does so for this workspace."""
    with alone(workspace, f"serve on {at}"), closing(listen(at.host, at.port)) as listener:
        metrics = Metrics()
        parts = _counted(workspace, settings, say, metrics)
        secrets = settings.webhook_secrets
        receiver = Receiver(parts.inbox, secrets, settings.is_live) if secrets else None
        if receiver is None:
            say("STRIPE_WEBHOOK_SECRET is not set: no events of Stripe are taken")
        pages = _pages(workspace, settings, parts, at.host, say)
        app = application(metrics, say, parts.problems, receiver, parts.events.wake, pages)
        # Who asks waits for less than who works in another thread would hold them up otherwise.
        sys.setswitchinterval(_SWITCH_SECONDS)
        parts.start()
        say(f"serving on {Address(at.host, listener.getsockname()[1])}")
        serve_until_stopped(app, listener, lambda: say("stopping"))
        parts.stop()
        say("stopped")


def _pages(
    workspace: Workspace, settings: Settings, parts: Parts, host: str, say: Say
) -> Sequence[BaseRoute]:
    """The dashboard; none where others than this machine would reach it as it should not be reached."""
    from provisioner.web.pages.catalog import ALL
    from provisioner.web.pages.origins import is_this_machine
    from provisioner.web.pages.site import Site, routes

    site = Site(workspace, settings, parts, say)
    if is_this_machine(host):
        return routes(site, ALL)
    missing = []
    if not any(one.password for one in site.operators.all()):
        missing.append(f"nobody has a password ({command('login', options='--password')})")
    if not site.is_secure:
        missing.append("[web] address names no https:// address of a proxy that has the certificate")
    if missing:
        say(f"no dashboard at {host}: {'; '.join(missing)}; docs/dashboard.md says how it is done")
        return []
    return routes(site, ALL)


def _counted(workspace: Workspace, settings: Settings, say: Say, metrics: Metrics) -> Parts:
    def applied(handled: Applied) -> None:
        for _, outcome in handled.outcomes:
            metrics.applied.labels(outcome.did).inc()

    def ended(workflow: str, outcome: str) -> None:
        metrics.jobs.labels(workflow, outcome).inc()

    parts = Parts(workspace, settings, say, applied=applied, ended=ended)
    figures: tuple[tuple[str, str, Callable[[], float]], ...] = (
        ("stripe_events_pending", "Events that were not looked at yet", lambda: len(parts.inbox.pending())),
        ("runs", "Customers who are at work", lambda: parts.worker.at_work),
        ("alerts_open", "Failures that need a person", lambda: len(parts.alerts.open)),
    )
    for name, description, value in figures:
        metrics.watch(f"provisioner_{name}", description, value)
    return parts
