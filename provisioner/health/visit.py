"""Asking a server how it is: one connection, one small program there, and its answer."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from provisioner.customers.done import steps_done
from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import Customer
from provisioner.errors import ProvisionerError, RemoteError
from provisioner.health.judge import Sign, behind, judge, unreachable, without_report
from provisioner.health.report import PROGRAM, ServerReport, read_report
from provisioner.secrets import Redactor, secrets_in
from provisioner.settings import Settings
from provisioner.timestamps import present

CONNECT_SECONDS = 5.0
REPORT_SECONDS = 15.0
"""How long a server's report may take; its program gives up after five seconds."""
_NOT_FOUND = 127

Visit = Callable[[Customer], ServerReport | None]
"""Checks a server's host key and reads its report; None if it has no report program. ProvisionerError."""


def has_running_server(customer: Customer) -> bool:
    """Whether there is a server on which something should run."""
    return "moltbot" in steps_done(customer) and not has_left(customer.status)


def look_at_server(
    customer: Customer, visit: Visit, settings: Settings
) -> tuple[ServerReport | None, list[Sign]]:
    """What the server says, if anything, and all that is wrong with it; no secret is in a sign's words."""
    wanted = settings.moltbot.version
    try:
        report = visit(customer)
    except ProvisionerError as error:
        return None, _shown(customer, settings, _without_report(customer, unreachable(error), wanted))
    if report is None:
        return None, _shown(customer, settings, _without_report(customer, without_report(customer), wanted))
    return report, _shown(customer, settings, judge(customer, report, wanted, present()))


def _without_report(customer: Customer, sign: Sign, wanted: str) -> Iterator[Sign]:
    yield sign
    if late := behind(customer.setup.moltbot.version, wanted):
        yield late


def _shown(customer: Customer, settings: Settings, signs: Iterator[Sign]) -> list[Sign]:
    """Without the secrets that a server's words could contain."""
    redact = Redactor([*settings.secret_values(), *secrets_in(customer.model_dump(by_alias=True))])
    return [replace(sign, problem=redact(sign.problem)) for sign in signs]


def server_visitor(settings: Settings, explain: Callable[[Customer], None] = lambda _: None) -> Visit:
    """Visits over SSH; `explain` is asked about a server that does not answer, and may raise why."""

    def visit(customer: Customer) -> ServerReport | None:
        from provisioner.runs.customer_server import host_of
        from provisioner.ssh.connection import connect

        host = host_of(customer, settings)
        with connect(host, deadline=CONNECT_SECONDS, still_there=lambda: explain(customer)) as connection:
            said = connection.run(PROGRAM, timeout=REPORT_SECONDS)
        if said.exit == _NOT_FOUND:
            return None
        if said.exit:
            cause = f"{PROGRAM}: {said.complaint()}"
            raise RemoteError("ask the server how it is", whom=customer.email, cause=cause)
        return read_report(said.out, customer.email)

    return visit
