"""Asking a customer's server how it is: one connection, one small program there, and its answer."""

from collections.abc import Callable

from provisioner.customers.record import Customer
from provisioner.errors import RemoteError
from provisioner.health.report import PROGRAM, REPORT_SECONDS, ServerReport, read_report
from provisioner.health.visit import Visit
from provisioner.settings import Settings

CONNECT_SECONDS = 5.0
_NOT_FOUND = 127


def server_visitor(settings: Settings, explain: Callable[[Customer], None] = lambda _: None) -> Visit:
    """Visits over SSH; `explain` is asked about a server that does not answer, and may raise why.

    Where it may have been the way there, or this machine had too much to do, it is tried once more.
    """

    def visit(customer: Customer) -> ServerReport | None:
        try:
            return visit_once(customer)
        except RemoteError as problem:
            if not problem.retry:
                raise
            return visit_once(customer)

    def visit_once(customer: Customer) -> ServerReport | None:
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
