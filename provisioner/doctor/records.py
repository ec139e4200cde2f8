"""Problems in the records: broken files, runs that ended early, e-mails that may be missing."""

from collections.abc import Iterable

from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import Customer
from provisioner.customers.store import Listing, read_in_bulk
from provisioner.doctor.findings import Findings
from provisioner.messaging.emails import uncertain
from provisioner.messaging.registry import known_channel
from provisioner.printable import command
from provisioner.runs.status import statuses_of
from provisioner.workspace import Workspace


def look_at_records(workspace: Workspace, found: Findings) -> tuple[list[Customer], list[Customer]]:
    """The active customers and the archived ones; notes broken files and abandoned runs."""
    found.looked.append("records")
    store = workspace.store()
    seen: list[Listing[Customer]] = []
    with read_in_bulk():
        checkup = store.check(seen=seen.append)
    for finding in checkup.findings:
        found.note("record", finding.file, finding.problem, "provisioner check tells more")
    here, archived = _customers(seen, archived=False), _customers(seen, archived=True)
    staying = [one for one in here if not has_left(one.status)]
    for customer, status in zip(staying, statuses_of(workspace, staying), strict=True):
        if status.state in ("interrupted", "failed"):
            text = f" ({status.text})" if status.text else ""
            ended = "was interrupted" if status.state == "interrupted" else "failed"
            problem = f"the run {ended} in the step {status.step}, and nobody is at it{text}"
            found.note("run", status.customer.email, problem, status.command or "")
        if status.state != "running":
            _look_at_emails(customer, found)
    return here, archived


def _look_at_emails(customer: Customer, found: Findings) -> None:
    """A run that died while sending an e-mail does not send it again, as it may have been sent."""
    if not customer.setup.emails:
        return
    channel = known_channel(customer)
    for name in uncertain(customer, channel.emails.needless(customer) if channel else ()):
        hint = f"{command('mail preview', name, customer.email)} prints it, for you to send"
        found.note("mail", customer.email, f"the e-mail “{name}” may not have gone out", hint)


def _customers(seen: Iterable[Listing[Customer]], *, archived: bool) -> list[Customer]:
    return [one.customer for one in seen if one.customer is not None and one.archived == archived]
