"""Checks of servers: host key, gateway and channel, over one connection each."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from provisioner.customers.done import steps_done
from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import Customer
from provisioner.doctor.findings import ANSWER_SECONDS, AT_ONCE, Findings
from provisioner.doctor.gateways import Sign, behind, signs, without_report
from provisioner.doctor.server_report import PROGRAM, ServerReport, read_report
from provisioner.errors import HostKeyError, ProvisionerError, RemoteError
from provisioner.secrets import Redactor, secrets_in
from provisioner.settings import Settings

REPORT_SECONDS = 15.0
"""How long a server's report may take; its program gives up after five seconds."""
_NOT_FOUND = 127
_LOOK = "look at the droplet's console in the control panel"

Visit = Callable[[Customer], ServerReport | None]
"""Checks a server's host key and reads its report; None if it has no report program. ProvisionerError."""


def look_at_servers(
    customers: Sequence[Customer],
    visit: Visit,
    settings: Settings,
    found: Findings,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Visit the servers on which something should run; `say` is told how many have answered."""
    expected = [one for one in customers if "moltbot" in steps_done(one) and not has_left(one.status)]
    if not expected:
        return
    found.looked.append("servers")

    def seen(customer: Customer) -> list[Sign]:
        return list(_signs(customer, visit, settings))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        say(f"visiting {len(expected)} servers")
        answers = zip(expected, pool.map(seen, expected), strict=True)
        for number, (customer, shown) in enumerate(answers, start=1):
            say(f"visited {number} of {len(expected)} servers")
            redact = Redactor(_secrets(customer, settings))
            for sign in shown:
                found.add("server", customer.email, redact(sign.problem), sign.hint, sign.severity)


def _signs(customer: Customer, visit: Visit, settings: Settings) -> Iterator[Sign]:
    wanted = settings.moltbot.version
    try:
        report = visit(customer)
    except ProvisionerError as error:
        kind = "the host key changed" if isinstance(error, HostKeyError) else "it does not answer"
        yield Sign(f"{kind}: {error.cause}", error.hint or _LOOK)
        report = None
    else:
        if report is None:
            yield without_report(customer)
    if report is not None:
        yield from signs(customer, report, wanted)
    elif late := behind(customer.setup.moltbot.version, wanted):
        yield late


def _secrets(customer: Customer, settings: Settings) -> list[str]:
    """The secrets that a server's output could contain."""
    return [*settings.secret_values(), *secrets_in(customer.model_dump(by_alias=True))]


def server_visitor(settings: Settings) -> Visit:
    """Visits over SSH."""

    def visit(customer: Customer) -> ServerReport | None:
        from provisioner.runs.customer_server import host_of
        from provisioner.ssh.connection import connect

        with connect(host_of(customer, settings), deadline=ANSWER_SECONDS) as connection:
            said = connection.run(PROGRAM, timeout=REPORT_SECONDS)
        if said.exit == _NOT_FOUND:
            return None
        if said.exit:
            cause = f"{PROGRAM}: {said.complaint()}"
            raise RemoteError("ask the server how it is", whom=customer.email, cause=cause)
        return read_report(said.out, customer.email)

    return visit
