"""The step mend: what can be mended about a server is tried, once, and looked at again."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from provisioner.customers.leaving import at
from provisioner.customers.record import Customer
from provisioner.droplets.power import PowerSwitch
from provisioner.errors import CloudError, ProvisionerError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.health.judge import Remedy, Sign
from provisioner.health.look import Look, ServerHealth, waiting_for
from provisioner.health.mending import DONE, begun, ended, is_to_be_mended, mendable, remedies_for
from provisioner.health.report import PROGRAM, REPORT_SECONDS, ServerReport, read_report
from provisioner.health.sweep import change, noted, problems_of
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.timestamps import now

_REMOTE = Path(__file__).parent / "remote"
_STOP_SECONDS = 400.0
"""A gateway that cannot reach its channel may take five minutes to end."""
_START_SECONDS = 240.0
_DISK_SECONDS = 120.0
_WELL_SECONDS = 180.0
"""How long a server may take, after all was done, until it is well."""
_LOOK_SECONDS = 5.0
_OF_A_START = {"server", "gateway", "database", "channel", "messages"}
_SET_CLOCK = "timedatectl set-ntp true; systemctl try-restart systemd-timesyncd.service || true"


class Mend(Step):
    """Mends what the record asks for, as far as it is still wrong; done for whom it asks for nothing.

    It ends as done whatever came of it: what is still wrong stands in the record, and whoever watches the
    servers tells of it.
    """

    name = "mend"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return not is_to_be_mended(customer)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("mend the server", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        work.say("looking at the server")
        seen = _look(work)
        hours, moment = work.settings.health.mend_hours, at(work.clock.time())
        wrong = mendable(work.customer, seen.signs, hours, moment)
        failed = {remedy: _try(work, wrong, remedy) for remedy in remedies_for(wrong)}
        after = _look_until_well(work, wrong) if wrong else seen
        _record(work, wrong, failed, after)
        return Done()


def _look(work: Work) -> ServerHealth:
    return _looking(work).at(work.customer)


def _looking(work: Work) -> Look:
    return Look(work.settings, partial(_visit, work), waiting_for(work.settings), work.clock)


def _visit(work: Work, customer: Customer) -> ServerReport:
    return read_report(work.server.run(PROGRAM, timeout=REPORT_SECONDS), customer.email)


def _try(work: Work, wrong: tuple[Sign, ...], remedy: Remedy) -> ProvisionerError | None:
    """Do it, after it was written down; why it could not be done."""
    work.write(begun(work.customer, wrong, remedy, at(work.clock.time())))
    failpoint(f"before the remedy {remedy}")
    try:
        _REMEDIES[remedy](work)
    except (RemoteError, CloudError) as problem:
        # A run that is to stop ends here: its closed connection is nobody's failure.
        work.say(problem.summary)
        return problem
    failpoint(f"after the remedy {remedy}")
    return None


def _look_until_well(work: Work, wrong: tuple[Sign, ...]) -> ServerHealth:
    """The first look at which none of these is wrong any more, or the last one."""
    give_up = work.clock.monotonic() + _WELL_SECONDS
    while True:
        work.say("looking whether that helped")
        seen = _look(work)
        if _is_well(seen, wrong) or work.clock.monotonic() >= give_up:
            return seen
        work.clock.sleep(_LOOK_SECONDS)


def _is_well(seen: ServerHealth, wrong: tuple[Sign, ...]) -> bool:
    """Whether none of these is there any more; what was started has to answer, and to be connected."""
    starts = any(sign.remedy in ("start", "restart") for sign in wrong)
    about = {sign.about for sign in wrong} | (_OF_A_START if starts else set())
    still = any(sign.about in about for sign in seen.problems)
    return not still and seen.report is not None and (seen.report.live or not starts)


def _record(
    work: Work,
    wrong: tuple[Sign, ...],
    failed: Mapping[Remedy, ProvisionerError | None],
    after: ServerHealth,
) -> None:
    """One event with what was wrong, what was done, and what came of it."""
    found, before = problems_of(after), noted(work.customer)
    fields = dict(ended(work.customer, at(work.clock.time())))
    if found != before:
        fields |= {"health.problems": found, "health.since": now()}
    if wrong:
        well = _is_well(after, wrong)
        problems = "; ".join(sign.problem for sign in wrong)
        did = ", ".join(_described(remedy, problem) for remedy, problem in failed.items())
        came = "and it is well again" if well else f"and it is not: {_said(after)}"
        event = "server_mended" if well else "mending_failed"
        work.record(event, f"{problems}: {did}, {came}", fields)
    elif found != before:
        work.record("health_changed", change(after, before), fields)
    else:
        work.write(fields)


def _said(seen: ServerHealth) -> str:
    return "; ".join(sign.problem for sign in seen.signs) or "it does not answer yet"


def _described(remedy: Remedy, problem: ProvisionerError | None) -> str:
    return DONE[remedy] if problem is None else f"tried it ({remedy}): {problem.summary}"


def _start(work: Work) -> None:
    """Have a droplet that is off started; one that somebody has started meanwhile is only waited for."""
    droplet_id = work.customer.setup.droplet.id
    assert droplet_id is not None, "only what the cloud was asked about can be off"
    work.say("starting the droplet")
    whom, waits = work.customer.email, work.settings.droplet
    PowerSwitch(whom, droplet_id, work.services.cloud, work.clock, waits, work.say).on()


def _free_disk(work: Work) -> None:
    work.say("removing caches and old logs")
    freed = work.server.run((_REMOTE / "free-disk.bash").read_text("utf-8"), timeout=_DISK_SECONDS)
    work.say(f"{freed.strip()} MB more are free")


def _set_clock(work: Work) -> None:
    work.say("having the clock set")
    work.server.run(_SET_CLOCK)


def _restart(work: Work) -> None:
    work.say("starting the gateway again")
    work.server.run("openclaw-gateway restart", timeout=_STOP_SECONDS)
    work.server.run("openclaw-gateway wait", timeout=_START_SECONDS)


_REMEDIES: Mapping[Remedy, Callable[[Work], None]] = {
    "start": _start,
    "disk": _free_disk,
    "clock": _set_clock,
    "restart": _restart,
}
