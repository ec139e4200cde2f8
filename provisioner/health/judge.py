"""What is wrong with a server and its assistant, from the server's own report; pure.

The hints were tested: the restart command revives a gateway that stopped, hangs or has lost its channel.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.errors import HostKeyError, ProvisionerError
from provisioner.health.report import Resources, ServerReport
from provisioner.printable import command
from provisioner.services.digitalocean.errors import DropletOff

START_SECONDS: Final = 180
"""How long a gateway that was just started may take until it answers."""
_LEAST_DISK_MB: Final = 1000
_LEAST_DISK_SHARE: Final = 0.05
_LEAST_SHARE: Final = 0.05
_MANY_RESTARTS: Final = 3
_MOST_LOAD: Final = 4.0
"""So many processes a processor; one assistant at work is one or two."""
_MOST_SECONDS_APART: Final = 60
"""Telegram, Stripe and certificates refuse clocks that are minutes away."""
_LOOK: Final = "look at the droplet's console in the control panel"


Severity = Literal["problem", "advice"]
Remedy = Literal["start", "disk", "clock", "restart"]
"""What may be done about a problem without asking, as it destroys nothing; `mending` says what each is."""


@dataclass(frozen=True)
class Sign:
    """One thing that can be seen to be wrong, and what to do; advice is what breaks nothing yet.

    `about` names it in one word, the same each time: server, gateway, database, pause, channel, messages,
    version, audit, disk, memory, load, clock, reboot. `remedy` is what may mend it, if anything may.
    """

    about: str
    problem: str
    hint: str
    severity: Severity = "problem"
    remedy: Remedy | None = None


def judge(customer: Customer, report: ServerReport, wanted: str, now: datetime) -> Iterator[Sign]:
    """All that is wrong; `wanted` is the version of the settings, `now` is when the report was made."""
    yield from _of_paused(customer, report) if is_paused(customer) else _of_gateway(customer, report, now)
    yield from _of_version(customer, report, wanted)
    yield from _of_audit(customer)
    yield from _of_server(customer, report)
    yield from _of_resources(customer, report.resources, now)


def unreachable(error: ProvisionerError) -> Sign:
    """For a server that gave no report."""
    kind = "the host key changed" if isinstance(error, HostKeyError) else "it does not answer"
    remedy: Remedy | None = "start" if isinstance(error, DropletOff) else None
    return Sign("server", f"{kind}: {error.cause}", error.hint or _LOOK, remedy=remedy)


def piling_up(customer: Customer, waiting: int) -> Sign:
    """For messages that nobody takes from the channel, whatever the gateway says of it."""
    messages = "1 message waits" if waiting == 1 else f"{waiting} messages wait"
    problem = f"{messages} at {customer.setup.messaging.platform_name}, and the assistant does not take them"
    return _restart("messages", problem, customer)


def without_report(customer: Customer) -> Sign:
    """For a server without the report program: it was set up by an earlier version."""
    problem = "the server cannot say how its assistant is: what we put there is of an earlier version"
    return Sign("server", problem, f"{applying_again(customer)}, which brings the server up to date")


def behind(version: str | None, wanted: str, whose: str) -> Sign | None:
    """Advice for somebody's server with an older version than new ones get."""
    if version is None or not _is_older(version, wanted):
        return None
    problem = f"Moltbot {version} runs there, new servers get {wanted}"
    hint = f"it goes on working; {command('upgrade', whose)} brings it there, with a backup and a way back"
    return Sign("version", problem, hint, "advice")


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
        yield Sign("pause", words, f"to have it run again: {undo}", "advice")
        return
    pause = customer.setup.pause
    again = command("pause", customer.email)
    stop = again if pause is None or pause.paused_at is None else f"{undo}, then {again}"
    yield Sign("pause", "the gateway runs although the assistant is paused", stop)


def _restart(about: str, problem: str, customer: Customer) -> Sign:
    """What starting the gateway again mends, as it was seen to."""
    return Sign(about, problem, there(customer, "openclaw-gateway restart"), remedy="restart")


def _of_gateway(customer: Customer, report: ServerReport, now: datetime) -> Iterator[Sign]:
    if _DAMAGED.search(report.complaint or "") and not (report.live and report.ready):
        yield _damaged(customer, report.complaint or "")
    elif not report.active:
        stopped = f"the gateway is stopped ({report.state or 'no such service'})"
        yield _restart("gateway", stopped + _because(report), customer)
    elif not report.live:
        if _started_just_now(report, now):
            starting = "the gateway was started just now, and does not answer yet"
            yield Sign("gateway", starting, _LATER, "advice")
        else:
            hangs = "the gateway runs and does not answer: it hangs"
            yield _restart("gateway", hangs, customer)
    else:
        silent = list(_of_channel(customer, report))
        yield from silent
        if not report.ready and not silent:
            failing = f": {', '.join(report.failing)}" if report.failing else ""
            yield _restart("gateway", f"the gateway answers that it is not ready{failing}", customer)


_LATER: Final = "run provisioner doctor again in three minutes"
_DAMAGED: Final = re.compile(
    r"SQLITE_(CORRUPT|NOTADB)|disk image is malformed|file is not a database|state database is unreadable"
    r"|integrity verification failed"
)
"""As SQLite and the gateway say it; a restart does not mend it."""
_CONFLICT: Final = re.compile(r"\b409\b|terminated by other getUpdates")
"""As Telegram answers each of two programs that read one bot's messages."""


def _because(report: ServerReport) -> str:
    return f": {report.complaint}" if report.complaint else ""


def _damaged(customer: Customer, words: str) -> Sign:
    problem = f"the assistant's database is damaged: {words}"
    if not customer.backups:
        log = "as-openclaw journalctl --user --unit openclaw-gateway --lines 50"
        return Sign("database", problem, f"there is no backup; {there(customer, log)} shows what it says")
    back = command("restore-backup", customer.email)
    taken = customer.backups[-1].taken_at
    return Sign(
        "database", problem, f"{back} makes it know what it knew at {taken}; what is there now is kept"
    )


def _of_channel(customer: Customer, report: ServerReport) -> Iterator[Sign]:
    """The one over which the customer talks, once they were connected."""
    platform = customer.setup.messaging.platform_name
    if not customer.setup.messaging.connected or not platform:
        return
    if report.channels is None:
        unknown = f"the gateway does not say whether {platform} is connected"
        yield _restart("channel", unknown, customer)
        return
    channel = report.channels.get(platform)
    if channel is None:
        again = command("update", customer.email, "setup.messaging.connected", "false")
        run = command("provision", customer.email)
        yield Sign("channel", f"the gateway has no channel {platform}", f"{again}, then {run}")
    elif not channel.connected:
        said = channel.error or channel.state or ""
        yield _conflict(customer, said) if _CONFLICT.search(said) else _unconnected(customer, platform, said)


def _unconnected(customer: Customer, platform: str, said: str) -> Sign:
    return _restart("channel", f"{platform} is not connected" + (f": {said}" if said else ""), customer)


def _conflict(customer: Customer, said: str) -> Sign:
    """Two read the same bot's messages: one that a restart left behind on the server, or one elsewhere."""
    sign = _restart("channel", f"another program reads the messages of its bot: {said}", customer)
    token = command("update", customer.email, "setup.messaging.botToken", "-")
    elsewhere = f"if it comes again, another machine has the bot's token: make a new one, then {token}"
    return replace(sign, hint=f"{sign.hint}; {elsewhere}")


def _of_version(customer: Customer, report: ServerReport, wanted: str) -> Iterator[Sign]:
    running, recorded = report.running, customer.setup.moltbot.version
    if running and report.installed and running != report.installed:
        problem = f"Moltbot {report.installed} is installed, and {running} still runs"
        yield Sign("version", problem, there(customer, "openclaw-gateway restart"))
    elif running and recorded and running != recorded:
        true = command("update", customer.email, "setup.moltbot.version", running)
        problem = f"Moltbot {running} runs there, the record has {recorded}"
        yield Sign("version", problem, f"{true} has the record say so")
    if late := behind(running or report.installed or recorded, wanted, customer.email):
        yield late


def _of_audit(customer: Customer) -> Iterator[Sign]:
    """What the audit at the end of the setup found on the server that is there now."""
    found = customer.setup.moltbot.audit
    if found is None or found.made_on != customer.setup.droplet.id or not found.critical:
        return
    problem = f"its security audit finds: {'; '.join(found.critical)}"
    look = there(customer, "openclaw security audit")
    hint = f"{look} says what to do; then {applying_again(customer)}, which audits it anew"
    yield Sign("audit", problem, hint)


def _of_server(customer: Customer, report: ServerReport) -> Iterator[Sign]:
    if report.disk_free < min(_LEAST_DISK_MB, report.disk_total * _LEAST_DISK_SHARE):
        room = f"{report.disk_free} MB of {report.disk_total} MB are free"
        look = there(customer, "du -xhd3 /")
        make = there(customer, "journalctl --vacuum-size=50M")
        hint = f"{make} makes some room; {look} shows what takes it"
        yield Sign("disk", f"the disk is full: {room}", hint, remedy="disk")
    if report.reboot_required:
        problem = "an update of the system takes effect only when the server is started again"
        hint = f"{there(customer, 'systemctl reboot')}; its gateway is back in a minute"
        yield Sign("reboot", problem, hint, "advice")


def _of_resources(customer: Customer, has: Resources, now: datetime) -> Iterator[Sign]:
    if _is_short(has.memory_free, has.memory_total) and (
        not has.swap_total or _is_short(has.swap_free, has.swap_total)
    ):
        room = f"{has.memory_free} MB of {has.memory_total} MB are free, and {has.swap_free or 0} MB of swap"
        used = f"; its gateway uses {has.gateway_memory} MB" if has.gateway_memory else ""
        yield _restart("memory", f"the memory is used up: {room}{used}", customer)
    if has.restarts is not None and has.restarts >= _MANY_RESTARTS:
        problem = f"the gateway has ended and was started again {has.restarts} times by itself"
        journal = "as-openclaw journalctl --user --unit openclaw-gateway --lines 50"
        yield Sign("gateway", problem, f"{there(customer, journal)} says why", "advice")
    if has.load is not None and has.processors and has.load > _MOST_LOAD * has.processors:
        problem = f"the processor is overloaded: {has.load:g} processes wanted it over a quarter of an hour"
        yield Sign("load", problem, f"{there(customer, 'top -bn1')} shows what takes it", "advice")
    if has.clock is not None and abs(has.clock - now.timestamp()) > _MOST_SECONDS_APART:
        apart = has.clock - now.timestamp()
        problem = f"its clock is {abs(apart):.0f} s {'ahead' if apart > 0 else 'behind'}"
        hint = f"{there(customer, 'timedatectl set-ntp true')} has it set right"
        yield Sign("clock", problem, hint, remedy="clock")


def _is_short(free: int | None, total: int | None) -> bool:
    return free is not None and total is not None and free < total * _LEAST_SHARE


def _started_just_now(report: ServerReport, now: datetime) -> bool:
    try:
        since = datetime.fromisoformat(report.since or "")
        return -START_SECONDS <= (now - since).total_seconds() <= START_SECONDS
    except (ValueError, TypeError):
        return False


def _is_older(version: str, wanted: str) -> bool:
    numbers = [tuple(map(int, one.partition("-")[0].split("."))) for one in (version, wanted) if _plain(one)]
    return len(numbers) == 2 and numbers[0] < numbers[1]


def _plain(version: str) -> bool:
    return all(
        part.isascii() and part.isdigit() and len(part) < 10 for part in version.partition("-")[0].split(".")
    )
