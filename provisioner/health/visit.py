"""What one look at a server shows, or why there was none."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from provisioner.customers.done import steps_done
from provisioner.customers.handing_over import is_handing_over
from provisioner.customers.lifecycle import has_left
from provisioner.customers.moving import goes_on as moves_on
from provisioner.customers.moving import may_stand_still
from provisioner.customers.record import Customer
from provisioner.customers.resizing import goes_on, is_resizing
from provisioner.customers.wanted import wanted_of
from provisioner.errors import ProvisionerError
from provisioner.health.judge import Sign, behind, judge, unreachable, without_report
from provisioner.health.report import ServerReport
from provisioner.secrets import Redactor, secrets_in
from provisioner.settings import Settings
from provisioner.timestamps import present

Visit = Callable[[Customer], ServerReport | None]
"""Checks a server's host key and reads its report; None if it has no report program. ProvisionerError."""


def has_running_server(customer: Customer) -> bool:
    """Whether there is a server on which something should run."""
    is_looked_after = not has_left(customer.status) and not is_handing_over(customer)
    return "moltbot" in steps_done(customer) and is_looked_after


def look_at_server(
    customer: Customer, visit: Visit, settings: Settings
) -> tuple[ServerReport | None, list[Sign]]:
    """What the server says, if anything, and all that is wrong with it; no secret is in a sign's words."""
    if is_resizing(customer):
        words = "it is being resized, and does not run meanwhile"
        return None, [Sign("server", words, goes_on(customer), "advice")]
    if may_stand_still(customer):
        words = "it is being moved to another region, and may stand still meanwhile"
        return None, [Sign("server", words, moves_on(customer), "advice")]
    wanted = wanted_of(customer, settings).version.value
    try:
        report = visit(customer)
    except ProvisionerError as error:
        return None, _shown(customer, settings, _without_report(customer, unreachable(error), wanted))
    if report is None:
        return None, _shown(customer, settings, _without_report(customer, without_report(customer), wanted))
    return report, _shown(customer, settings, judge(customer, report, wanted, present()))


def _without_report(customer: Customer, sign: Sign, wanted: str) -> Iterator[Sign]:
    yield sign
    if late := behind(customer.setup.moltbot.version, wanted, customer.email):
        yield late


def _shown(customer: Customer, settings: Settings, signs: Iterator[Sign]) -> list[Sign]:
    """Without the secrets that a server's words could contain."""
    redact = Redactor([*settings.secret_values(), *secrets_in(customer.model_dump(by_alias=True))])
    return [replace(sign, problem=redact(sign.problem)) for sign in signs]
