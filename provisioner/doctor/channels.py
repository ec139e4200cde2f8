"""What the channels know to be wrong: with their own settings and bots, and with those of the customers."""

from collections.abc import Callable, Sequence

from provisioner.customers.record import Customer
from provisioner.doctor.findings import ANSWER_SECONDS, Findings
from provisioner.messaging.registry import CHANNELS
from provisioner.settings import Settings


def look_at_channels(
    settings: Settings,
    customers: Sequence[Customer],
    archived: Sequence[Customer],
    found: Findings,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """At each channel that there is, whoever uses it."""
    for channel in CHANNELS.values():
        result = channel().check(settings, customers, archived, ANSWER_SECONDS, say)
        found.looked += result.looked
        for trouble in result.troubles:
            found.note(trouble.kind, trouble.whom, trouble.problem, trouble.hint)
