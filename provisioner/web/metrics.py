"""What Prometheus reads."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.events = Counter(
            "provisioner_stripe_events",
            "Requests at Stripe's webhook, by what became of them",
            ["result"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "provisioner_stripe_event_seconds",
            "How long Stripe waited for its answer",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self._registry,
        )
        self.applied = Counter(
            "provisioner_stripe_events_handled",
            "Events that were dealt with, by what they did",
            ["did"],
            registry=self._registry,
        )
        self.jobs = Counter(
            "provisioner_jobs",
            "Runs of the worker that have ended",
            ["workflow", "outcome"],
            registry=self._registry,
        )

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """A figure that is looked at when it is asked for."""
        Gauge(name, description, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)
