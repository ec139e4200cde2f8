"""Checks of what servers were brought to, from the records: who is behind today's playbooks and settings."""

from collections.abc import Sequence

from provisioner.customers.record import Customer
from provisioner.doctor.findings import Findings
from provisioner.errors import PlaybookError
from provisioner.printable import command
from provisioner.runs.behind import WantedParts, has_what_is_applied
from provisioner.settings import Settings
from provisioner.workspace import Workspace

_MOST_NAMES = 3


def look_who_is_behind(
    workspace: Workspace, settings: Settings, customers: Sequence[Customer], found: Findings
) -> None:
    """Advise to apply; those who are behind in the same stand in one line."""
    wanted = WantedParts(workspace, settings)
    groups: dict[tuple[str, ...], list[str]] = {}
    try:
        for customer in filter(has_what_is_applied, customers):
            groups.setdefault(wanted.behind(customer), []).append(customer.email)
    except PlaybookError as error:
        found.note("settings", error.whom or "playbooks", str(error.cause), error.hint or "")
        return
    for differences, emails in groups.items():
        if differences:
            hint = (
                command("apply", emails[0]) if len(emails) == 1 else command("apply", options="--all --plan")
            )
            problem = f"set up with something else than today's settings: {'; '.join(differences)}"
            found.advise("server", _names(emails), problem, hint)


def _names(emails: Sequence[str]) -> str:
    more = len(emails) - _MOST_NAMES
    named = ", ".join(emails[:_MOST_NAMES])
    return f"{named} and {more} more" if more > 0 else named
