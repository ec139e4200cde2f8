"""Whether each server that should answer does, with the host key that the record has."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from provisioner.customers.record import Customer
from provisioner.doctor.findings import ANSWER_SECONDS, AT_ONCE, GONE, Findings
from provisioner.errors import HostKeyError, ProvisionerError
from provisioner.settings import Settings

_LOOK = "look at the droplet's console in the control panel"


def look_at_servers(
    customers: Sequence[Customer], shows: Callable[[Customer], None], found: Findings
) -> None:
    """At those on which something should run. `shows` has one prove its host key, or raises."""
    expected = [one for one in customers if one.setup.moltbot.installed and one.status not in GONE]
    if not expected:
        return
    found.looked.append("servers")

    def refusal(customer: Customer) -> ProvisionerError | None:
        try:
            shows(customer)
        except ProvisionerError as error:
            return error
        return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for customer, error in zip(expected, pool.map(refusal, expected), strict=True):
            if error is not None:
                kind = "the host key changed" if isinstance(error, HostKeyError) else "it does not answer"
                found.note("server", customer.email, f"{kind}: {error.cause}", error.hint or _LOOK)


def host_key_prover(settings: Settings) -> Callable[[Customer], None]:
    """Connects to a customer's server; it proves its host key before anything else happens."""
    from provisioner.remote.customer_server import host_of
    from provisioner.remote.ssh import connect

    def prove(customer: Customer) -> None:
        connect(host_of(customer, settings), deadline=ANSWER_SECONDS).close()

    return prove
