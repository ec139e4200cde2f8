"""Checks of servers: host key, gateway and channel, over one connection each."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from provisioner.customers.record import Customer
from provisioner.doctor.findings import AT_ONCE, Findings
from provisioner.health.judge import Sign
from provisioner.health.visit import Visit, has_running_server, look_at_server
from provisioner.settings import Settings


def look_at_servers(
    customers: Sequence[Customer],
    visit: Visit,
    settings: Settings,
    found: Findings,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Visit the servers on which something should run; `say` is told how many have answered."""
    expected = [one for one in customers if has_running_server(one)]
    if not expected:
        return
    found.looked.append("servers")

    def seen(customer: Customer) -> list[Sign]:
        return look_at_server(customer, visit, settings)[1]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        say(f"visiting {len(expected)} servers")
        answers = zip(expected, pool.map(seen, expected), strict=True)
        for number, (customer, shown) in enumerate(answers, start=1):
            say(f"visited {number} of {len(expected)} servers")
            for sign in shown:
                found.add("server", customer.email, sign.problem, sign.hint, sign.severity)
