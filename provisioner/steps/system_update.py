"""Security updates of a customer's server, and a reboot at a quiet hour where they need one.

All steps are done for whose server is not to be updated, as the record says.
"""

import shlex
from typing import Any, Final

from provisioner.actor import actor
from provisioner.customers.leaving import at, has_assistant
from provisioner.customers.parts.setup import SystemUpdate
from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.errors import InputError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.printable import command
from provisioner.settings import Settings
from provisioner.ssh.json_answers import Kinds, misfit, parse_json, unfit
from provisioner.step import Done, Outcome, Planned, Step, Until, Work
from provisioner.steps.gateway import await_gateway, halt_gateway
from provisioner.steps.upgrading.gates import before_of, demand_seen, look, wrong_after_start
from provisioner.timestamps import is_quiet, next_beginning, now, written

DOING: Final = "update the server's system"
_INSTALL: Final = r"""set -euo pipefail
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l LC_ALL=C.UTF-8
before=$(dpkg-query --show | sha256sum)
apt-get --quiet -o DPkg::Lock::Timeout=600 update > /dev/null
unattended-upgrade > /dev/null
[[ $before == "$(dpkg-query --show | sha256sum)" ]] && changed=false || changed=true
printf '{"changed": %s}\n' "$changed"
"""
"""What the server does by itself every day, now: only what its distribution calls security updates."""
_STATE: Final = r"""set -euo pipefail
needed=$(openclaw-report | jq '.reboot_required == true')
printf '{"needed": %s, "boot": "%s"}\n' "$needed" \
  "$(systemctl show --property UserspaceTimestamp --timestamp=us --value)"
"""
_REBOOT: Final = "systemctl reboot --no-block"
_INSTALL_SECONDS: Final = 3000.0
_REBOOT_SECONDS: Final = 600.0
_LONGEST_PAUSE: Final = 30.0


class _SystemStep(Step):
    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return customer.setup.system_update is None or customer.setup.droplet.ip is None


class RequestSystemUpdate(Step):
    """Writes down that the server is to be updated; `at_once`: and rebooted without waiting for an hour."""

    name = "request"

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        update = customer.setup.system_update
        return update is not None and (update.at_once or not self._at_once)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("ask for the updates", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        if work.customer.setup.system_update is not None:
            work.write({"setup.systemUpdate.atOnce": True})
        else:
            request = {"requestedAt": now(), "by": actor(), "atOnce": self._at_once}
            work.write({"setup.systemUpdate": request})
        return Done()


class InstallUpdates(_SystemStep):
    """Installs what the distribution calls security updates; the assistant runs meanwhile."""

    name = "updates"

    def done(self, customer: Customer) -> bool:
        update = customer.setup.system_update
        return super().done(customer) or (update is not None and update.installed_at is not None)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("install the security updates", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        work.say("installing security updates")
        failpoint("before security updates are installed")
        said = _asked(work, _INSTALL, {"changed": bool}, _INSTALL_SECONDS)
        failpoint("after security updates are installed")
        fields = {"setup.systemUpdate.installedAt": now(), "setup.systemUpdate.changed": said["changed"]}
        work.write(fields)
        return Done()


class Reboot(_SystemStep):
    """Reboots the server if an update needs it, at a quiet hour, and sees that all works that did before."""

    name = "reboot"

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("reboot the server if an update needs it", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        update = _update(work)
        state = _asked(work, _STATE, {"needed": bool, "boot": str})
        if update.boot is None:
            if not state["needed"]:
                return _close(work, "no reboot was needed")
            until = _not_before(work, update)
            if until is not None:
                return Until(until, "the server is rebooted, which its updates need")
            _prepare(work, state["boot"])
        return _through(work, state["boot"])


def _prepare(work: Work, boot: str) -> None:
    """Write down how it was, and which boot is to end."""
    before = None
    if _works(work.customer):
        seen = look(work)
        version = seen.running or demand_seen(work, seen)
        before = before_of(seen, version, answered=False).model_dump(by_alias=True)
    work.write({"setup.systemUpdate.boot": boot, "setup.systemUpdate.before": before})


def _through(work: Work, boot: str) -> Outcome:
    """Reboot it unless that has happened, and see it come back."""
    update = _update(work)
    if boot == update.boot:
        if _works(work.customer):
            halt_gateway(work)
        work.say("rebooting the server")
        failpoint("before a server is rebooted")
        try:
            work.server.run(_REBOOT)
        except RemoteError as lost:
            # It may go down before it answers; whether it does is seen by its next boot.
            work.say(f"it is on its way: {lost.cause}")
        failpoint("after a server is rebooted")
        _await_boot(work, update)
    if _works(work.customer):
        await_gateway(work)
        before = _update(work).before
        reason = wrong_after_start(work, before.version, before) if before is not None else None
        if reason is not None:
            hint = "run the same command again to look again"
            raise RemoteError(DOING, whom=work.customer.email, cause=f"after its reboot {reason}", hint=hint)
    return _close(work, "it was rebooted, and works as before")


def _await_boot(work: Work, update: SystemUpdate) -> None:
    give_up, pause = work.clock.monotonic() + _REBOOT_SECONDS, 1.0
    while True:
        cause = "it still runs as before"
        try:
            if _asked(work, _STATE, {"needed": bool, "boot": str})["boot"] != update.boot:
                return
        except RemoteError as problem:
            cause = problem.cause or str(problem)
        if work.clock.monotonic() >= give_up:
            hint = "look at the droplet's console in the control panel; then run the same command again"
            raise RemoteError("reboot the server", whom=work.customer.email, cause=cause, hint=hint)
        work.clock.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _close(work: Work, ending: str) -> Outcome:
    packages = (
        "security updates were installed" if _update(work).changed else "there were no security updates"
    )
    work.record("system_updated", f"{packages}; {ending}", {"setup.systemUpdate": None})
    return Done()


def _not_before(work: Work, update: SystemUpdate) -> str | None:
    """When it may be rebooted, if not now. InputError if there is no such hour."""
    present, hours = at(work.clock.time()), work.settings.reboot_hours
    if update.at_once or is_quiet(hours, present):
        return None
    if not hours:
        again = command("upgrade", work.customer.email, options="--security-only --reboot")
        hint = (
            f"set [worker] quiet_hours or [droplet] reboot_at in provisioner.toml, or reboot it now: {again}"
        )
        cause = "an update needs a reboot, and there is no hour for one"
        raise InputError(DOING, whom=work.customer.email, cause=cause, hint=hint)
    return written(next_beginning(hours, present))


def _works(customer: Customer) -> bool:
    return has_assistant(customer) and not is_paused(customer)


def _asked(work: Work, script: str, shape: dict[str, Kinds], timeout: float = 60) -> dict[str, Any]:
    """What a script says, run as root."""
    text = work.server.run(shlex.join(["bash", "-c", script]), timeout=timeout)
    said = parse_json(text, doing=DOING, whom=work.customer.email)
    problem = misfit(said, shape)
    if problem:
        raise unfit(DOING, work.customer.email, problem)
    found: dict[str, Any] = said
    return found


def _update(work: Work) -> SystemUpdate:
    update = work.customer.setup.system_update
    assert update is not None, "a step that is not done has one"
    return update
