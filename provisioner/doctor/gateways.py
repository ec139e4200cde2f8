"""What is wrong with a server and its assistant, from the server's own report; pure.

The hints were tested: the restart command revives a gateway that stopped, hangs or has lost its channel.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.doctor.findings import Severity
from provisioner.doctor.server_report import ServerReport
from provisioner.printable import command
from provisioner.timestamps import present

START_SECONDS: Final = 180
"""How long a gateway that was just started may take until it answers."""
_LEAST_DISK_MB: Final = 1000
_LEAST_DISK_SHARE: Final = 0.05


@dataclass(frozen=True)
class Sign:
    """One thing that the report shows."""

    problem: str
    hint: str
    severity: Severity = "problem"


def signs(customer: Customer, report: ServerReport, wanted: str) -> Iterator[Sign]:
    """All that is wrong; `wanted` is the version of the settings."""
    yield from (_of_paused if is_paused(customer) else _of_gateway)(customer, report)
    yield from _of_version(customer, report, wanted)
    yield from _of_audit(customer)
    yield from _of_server(customer, report)


def without_report(customer: Customer) -> Sign:
    """For a server without the report program: it was set up by an earlier version."""
    problem = "the server cannot say how its assistant is: what we put there is of an earlier version"
    return Sign(problem, f"{applying_again(customer)}, which brings the server up to date")


def behind(version: str | None, wanted: str) -> Sign | None:
    """Advice for a server with an older version than new ones get."""
    if version is None or not _is_older(version, wanted):
        return None
    problem = f"Moltbot {version} runs there, new servers get {wanted}"
    return Sign(
        problem, "it goes on working; nothing upgrades a server but its owner's own /update", "advice"
    )


def applying_again(customer: Customer) -> str:
    """The command that applies the playbooks again to a server that is set up."""
    return command("apply", customer.email, options="--again")


def there(customer: Customer, words: str) -> str:
    """A command on the customer's server."""
    # An address that looks like an option could not stand before the command's own `--`.
    who = customer.id if customer.email.startswith("-") else shlex.quote(customer.email)
    return f"provisioner ssh {who} -- {words}"


def _of_paused(customer: Customer, report: ServerReport) -> Iterator[Sign]:
    """Of an assistant that is to stand still."""
    undo = command("pause", customer.email, options="--undo")
    if not report.active:
        words = "the assistant is paused, and its server costs what it did"
        yield Sign(words, f"to have it run again: {undo}", "advice")
        return
    pause = customer.setup.pause
    again = command("pause", customer.email)
    stop = again if pause is None or pause.paused_at is None else f"{undo}, then {again}"
    yield Sign("the gateway runs although the assistant is paused", stop)


def _of_gateway(customer: Customer, report: ServerReport) -> Iterator[Sign]:
    restart = there(customer, "openclaw-gateway restart")
    if not report.active:
        yield Sign(f"the gateway is stopped ({report.state or 'no such service'})", restart)
    elif not report.live:
        if _started_just_now(report):
            yield Sign("the gateway was started just now, and does not answer yet", _LATER, "advice")
        else:
            yield Sign("the gateway runs and does not answer: it hangs", restart)
    else:
        silent = list(_of_channel(customer, report, restart))
        yield from silent
        if not report.ready and not silent:
            failing = f": {', '.join(report.failing)}" if report.failing else ""
            yield Sign(f"the gateway answers that it is not ready{failing}", restart)


_LATER: Final = "run provisioner doctor again in three minutes"


def _of_channel(customer: Customer, report: ServerReport, restart: str) -> Iterator[Sign]:
    """The one over which the customer talks, once they were connected."""
    platform = customer.setup.messaging.platform_name
    if not customer.setup.messaging.connected or not platform:
        return
    if report.channels is None:
        yield Sign(f"the gateway does not say whether {platform} is connected", restart)
        return
    channel = report.channels.get(platform)
    if channel is None:
        again = command("update", customer.email, "setup.messaging.connected", "false")
        run = command("provision", customer.email)
        yield Sign(f"the gateway has no channel {platform}", f"{again}, then {run}")
    elif not channel.connected:
        said = channel.error or channel.state
        yield Sign(f"{platform} is not connected" + (f": {said}" if said else ""), restart)


def _of_version(customer: Customer, report: ServerReport, wanted: str) -> Iterator[Sign]:
    running, recorded = report.running, customer.setup.moltbot.version
    if running and report.installed and running != report.installed:
        problem = f"Moltbot {report.installed} is installed, and {running} still runs"
        yield Sign(problem, there(customer, "openclaw-gateway restart"))
    elif running and recorded and running != recorded:
        true = command("update", customer.email, "setup.moltbot.version", running)
        yield Sign(
            f"Moltbot {running} runs there, the record has {recorded}", f"{true} has the record say so"
        )
    if late := behind(running or report.installed or recorded, wanted):
        yield late


def _of_audit(customer: Customer) -> Iterator[Sign]:
    """What the audit at the end of the setup found on the server that is there now."""
    found = customer.setup.moltbot.audit
    if found is None or found.made_on != customer.setup.droplet.id or not found.critical:
        return
    problem = f"its security audit finds: {'; '.join(found.critical)}"
    look = there(customer, "openclaw security audit")
    yield Sign(problem, f"{look} says what to do; then {applying_again(customer)}, which audits it anew")


def _of_server(customer: Customer, report: ServerReport) -> Iterator[Sign]:
    if report.disk_free < min(_LEAST_DISK_MB, report.disk_total * _LEAST_DISK_SHARE):
        room = f"{report.disk_free} MB of {report.disk_total} MB are free"
        look = there(customer, "du -xhd3 /")
        make = there(customer, "journalctl --vacuum-size=50M")
        yield Sign(f"the disk is full: {room}", f"{make} makes some room; {look} shows what takes it")
    if report.reboot_required:
        problem = "an update of the system takes effect only when the server is started again"
        yield Sign(
            problem, f"{there(customer, 'systemctl reboot')}; its gateway is back in a minute", "advice"
        )


def _started_just_now(report: ServerReport) -> bool:
    try:
        since = datetime.fromisoformat(report.since or "")
        return -START_SECONDS <= (present() - since).total_seconds() <= START_SECONDS
    except (ValueError, TypeError):
        return False


def _is_older(version: str, wanted: str) -> bool:
    numbers = [tuple(map(int, one.partition("-")[0].split("."))) for one in (version, wanted) if _plain(one)]
    return len(numbers) == 2 and numbers[0] < numbers[1]


def _plain(version: str) -> bool:
    return all(
        part.isascii() and part.isdigit() and len(part) < 10 for part in version.partition("-")[0].split(".")
    )
