"""The steps of an upgrade. `setup.upgrade` in the record says how far it is; without it all are done."""

from abc import abstractmethod
from pathlib import Path
from typing import Final, NoReturn

from provisioner.actor import actor
from provisioner.backups.scripts import as_user
from provisioner.customers.parts.setup import Before, Upgrade
from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.customers.versions import LEAST, is_older
from provisioner.errors import ConnectionLost, InputError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.printable import clean, command
from provisioner.settings import Settings
from provisioner.ssh.json_answers import misfit, parse_json, unfit
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.answer import refusal
from provisioner.steps.backup import take_backup
from provisioner.steps.gateway import stop_gateway
from provisioner.steps.upgrading.errors import VersionRefused
from provisioner.steps.upgrading.gates import before_of, demand_seen, look, start_and_judge
from provisioner.timestamps import now

_DOING: Final = "upgrade the assistant"
_REMOTE: Final = Path(__file__).parent / "remote"
_FORGET: Final = as_user("rm --recursive --force ~/.provisioner-upgrade")
_OFFER_SECONDS: Final = 120.0
_PREPARE_SECONDS: Final = 2400.0
_SWITCH_SECONDS: Final = 2400.0
_FORGET_SECONDS: Final = 300.0


class _UpgradeStep(Step):
    """Needs nothing but the server; done for who has no upgrade under way."""

    words: str

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        upgrade = customer.setup.upgrade
        return upgrade is None or self.over(upgrade)

    @abstractmethod
    def over(self, upgrade: Upgrade) -> bool:
        """Whether it is done, or not to be done any more, for an upgrade that is under way."""

    def plan(self, work: Work) -> list[Planned]:
        return [Planned(self.words, needed=not self.done(work.customer))]


class RequestUpgrade(Step):
    """Writes down which version is to run. The workflow of one command begins with it."""

    name = "request"

    def __init__(self, version: str, *, older: bool = False) -> None:
        """`older`: it may be older than the one that runs, and has to work with what that has written."""
        self._version = version
        self._older = older

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        upgrade = customer.setup.upgrade
        return upgrade is not None and upgrade.version == self._version

    def plan(self, work: Work) -> list[Planned]:
        return [Planned(f"ask for version {self._version}", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        customer = work.customer
        demand_upgradable(customer, self._version, older=self._older)
        request = {
            "version": self._version,
            "requestedAt": now(),
            "by": actor(),
            "older": self._older,
        }
        work.write({"setup.upgrade": request})
        return Done()


def demand_upgradable(customer: Customer, version: str, *, older: bool = False) -> None:
    """InputError for a version that is too old, for who has none that could be replaced, or not now."""
    upgrade, there = customer.setup.upgrade, customer.setup.moltbot.version
    if upgrade is not None and upgrade.version != version:
        hint = f"finish that first: {command('upgrade', customer.email)}"
        raise _refused(customer, f"the upgrade to {upgrade.version} is under way", hint)
    if is_older(version, LEAST):
        raise _refused(customer, f"{version} is older than {LEAST}, the least that is supported", None)
    if there is not None and is_older(version, there) and not older:
        hint = (
            "what a newer version has written, an older one may not read: restore-backup brings back what was"
        )
        raise _refused(customer, f"{there} runs there, and {version} is older", hint)
    if is_paused(customer):
        hint = f"to have it run again: {command('pause', customer.email, options='--undo')}"
        raise _refused(customer, "their assistant is paused", hint)


class FindVersion(_UpgradeStep):
    """Sees what is there, and that the new version can be had and run; nothing is changed."""

    name = "version"
    words = "see which version is there, and that the new one can be had"

    def over(self, upgrade: Upgrade) -> bool:
        return upgrade.before is not None

    def run(self, work: Work) -> Outcome:
        upgrade = _upgrade(work)
        wanted = upgrade.version
        work.say("seeing which version is there")
        seen = look(work)
        there = demand_seen(work, seen)
        if there == wanted or (is_older(wanted, there) and not upgrade.older):
            _leave(work, there, wanted)
            return Done()
        _demand_offered(work, wanted)
        work.say("having the assistant answer once")
        before = before_of(seen, there, answered=refusal(work) is None)
        work.record(
            "upgrade_begun",
            f"From Moltbot {there} to {wanted}, asked for by {upgrade.by or 'somebody'}",
            {"setup.upgrade.before": before.model_dump(by_alias=True)},
        )
        return Done()


def _leave(work: Work, there: str, wanted: str) -> None:
    """It runs already, or its owner has a newer one: that is what the record says then."""
    fields = {"setup.moltbot.version": there, "setup.upgrade": None}
    if there == wanted and work.customer.setup.moltbot.version == there:
        work.write(fields)
        return
    words = f"Moltbot {there} runs there"
    if there != wanted:
        words += f", newer than {wanted}: it is left as it is"
    work.say(words)
    work.record("version_seen", words, fields)


def _demand_offered(work: Work, wanted: str) -> None:
    """InputError if there is no such version, or if the server's Node cannot run it."""
    email = work.customer.email
    work.say(f"asking npm for {wanted}")
    said = parse_json(
        work.server.run(_script("offer.bash", wanted), timeout=_OFFER_SECONDS), doing=_DOING, whom=email
    )
    problem = misfit(said, {"published": bool})
    if problem is None and said["published"]:
        problem = misfit(said, {"needs": str, "node": str, "fits": bool})
    if problem:
        raise unfit(_DOING, email, problem)
    if not said["published"]:
        _withdraw(
            work, f"npm has no openclaw {wanted}", "npm view openclaw versions shows those that there are"
        )
    if not said["fits"]:
        cause = f"{wanted} needs Node {said['needs'][:60]}, and the server has {said['node'][:20]}"
        _withdraw(
            work, cause, "a server keeps its Node: rebuild with another [moltbot] node gives it a newer one"
        )


def _withdraw(work: Work, cause: str, hint: str) -> NoReturn:
    """Nothing was touched, and nothing is under way any more."""
    work.write({"setup.upgrade": None})
    raise _refused(work.customer, cause, hint)


class BackUpFirst(_UpgradeStep):
    """Has a backup off the server, verified, that is younger than the request."""

    name = "backup"
    words = "take a backup"

    def over(self, upgrade: Upgrade) -> bool:
        return upgrade.backup is not None or upgrade.failed is not None

    def run(self, work: Work) -> Outcome:
        customer, upgrade = work.customer, _upgrade(work)
        last = customer.backups[-1] if customer.backups else None
        fresh = (
            last is not None
            and last.taken_at >= upgrade.requested_at
            and last.droplet_id == customer.setup.droplet.id
        )
        name = last.file if last is not None and fresh else take_backup(work)
        work.write({"setup.upgrade.backup": name})
        return Done()


class Prepare(_UpgradeStep):
    """Installs the new version beside the old one, which runs meanwhile; a failure has touched nothing."""

    name = "install"
    words = "install the new version beside the old one"

    def over(self, upgrade: Upgrade) -> bool:
        return upgrade.prepared_at is not None or upgrade.failed is not None

    def run(self, work: Work) -> Outcome:
        upgrade = _upgrade(work)
        work.say(f"installing {upgrade.version} beside {_before(upgrade).version}")
        failpoint("before a version is installed")
        work.server.run(_script("prepare.bash", _id(upgrade), upgrade.version), timeout=_PREPARE_SECONDS)
        failpoint("after a version is installed")
        if upgrade.older:
            _demand_reads(work, upgrade)
        work.write({"setup.upgrade.preparedAt": now()})
        return Done()


def _demand_reads(work: Work, upgrade: Upgrade) -> None:
    """InputError if the older version says that it cannot read what the newer one has written."""
    email = work.customer.email
    work.say("seeing whether it can read what is there")
    said = parse_json(
        work.server.run(_script("reads.bash"), timeout=_OFFER_SECONDS * 2), doing=_DOING, whom=email
    )
    problem = misfit(said, {"reads": bool, "why": str})
    if problem:
        raise unfit(_DOING, email, problem)
    if not said["reads"]:
        _forget(work)
        there = _before(upgrade).version
        cause = f"{upgrade.version} cannot read what {there} has written: {clean(said['why'])}"
        _withdraw(work, cause, f"{there} runs on, as it passed its gates")


class Switch(_UpgradeStep):
    """Stops the gateway, keeps program and state, and puts the new version and its plugins in their place."""

    name = "switch"
    words = "stop the assistant and put the new version in its place"

    def over(self, upgrade: Upgrade) -> bool:
        return upgrade.switched_at is not None or upgrade.failed is not None

    def run(self, work: Work) -> Outcome:
        upgrade = _upgrade(work)
        work.write({"setup.upgrade.switchingAt": now()})
        stop_gateway(work)
        work.say("putting the new version in its place")
        failpoint("before the versions are switched")
        try:
            work.server.run(_script("switch.bash", _id(upgrade), upgrade.version), timeout=_SWITCH_SECONDS)
            work.say("bringing its plugins to the same version")
            failpoint("before the plugins are brought along")
            work.server.run(_script("plugins.bash", upgrade.version), timeout=_SWITCH_SECONDS)
        except ConnectionLost:
            raise
        except RemoteError as error:
            if error.retry:
                raise
            # The assistant stands still by now, and has to run again.
            _fail(work, f"the new version cannot be put in its place: {error.cause}")
            return Done()
        failpoint("after the versions are switched")
        work.write({"setup.upgrade.switchedAt": now()})
        return Done()


class PassGates(_UpgradeStep):
    """Starts the new version, and sees whether it may stay."""

    name = "gates"
    words = "see that it starts, is healthy, has its channels and answers"

    def over(self, upgrade: Upgrade) -> bool:
        return upgrade.passed_at is not None or upgrade.failed is not None

    def run(self, work: Work) -> Outcome:
        upgrade = _upgrade(work)
        reason = start_and_judge(work, upgrade.version, _before(upgrade), repair=True)
        if reason is None:
            work.write({"setup.upgrade.passedAt": now()})
        else:
            _fail(work, reason)
        return Done()


class GoBack(_UpgradeStep):
    """Puts the old version and its state back where the new one may not stay. It ends as an error."""

    name = "way back"
    words = "bring the old version back"

    def over(self, upgrade: Upgrade) -> bool:
        return upgrade.failed is None

    def run(self, work: Work) -> Outcome:
        upgrade = _upgrade(work)
        before = _before(upgrade)
        stop_gateway(work)
        work.say(f"bringing {before.version} back")
        failpoint("before the old version comes back")
        work.server.run(_script("back.bash", _id(upgrade), before.version), timeout=_SWITCH_SECONDS)
        failpoint("after the old version has come back")
        email, failed = work.customer.email, upgrade.failed
        reason = start_and_judge(work, before.version, before)
        if reason is not None:
            hint = f"its server is as before the upgrade; when that is mended: {command('upgrade', email)}"
            cause = f"{upgrade.version} failed ({failed}), and {before.version} is back, but {reason}"
            raise RemoteError(_DOING, whom=email, cause=cause, hint=hint)
        _forget(work)
        work.record(
            "upgrade_failed",
            f"Moltbot {upgrade.version}: {failed}. {before.version} is back, with what it knew",
            {"setup.moltbot.version": before.version, "setup.upgrade": None},
        )
        hint = f"{before.version} works there as before, with what it knew when it was stopped"
        raise VersionRefused(_DOING, whom=email, cause=f"{upgrade.version}: {failed}", hint=hint)


class CloseUpgrade(_UpgradeStep):
    """Removes what was kept of the old version, and says what runs."""

    name = "clean up"
    words = "remove the old version"

    def over(self, upgrade: Upgrade) -> bool:
        return False

    def run(self, work: Work) -> Outcome:
        upgrade = _upgrade(work)
        _forget(work)
        work.record(
            "upgraded",
            f"Moltbot {upgrade.version} runs, after {_before(upgrade).version}",
            {"setup.moltbot.version": upgrade.version, "setup.moltbot.audit": None, "setup.upgrade": None},
        )
        return Done()


def _fail(work: Work, reason: str) -> None:
    """Write down that the old version comes back, before anything is done about it."""
    version = _upgrade(work).version
    work.record(
        "upgrade_refused", f"Moltbot {version} may not stay: {reason}", {"setup.upgrade.failed": reason}
    )


def _forget(work: Work) -> None:
    work.say("removing what is not needed any more")
    failpoint("before what was kept is removed")
    work.server.run(_FORGET, timeout=_FORGET_SECONDS)
    failpoint("after what was kept is removed")


def _script(name: str, *words: str) -> str:
    return as_user((_REMOTE / name).read_text("utf-8"), *words)


def _id(upgrade: Upgrade) -> str:
    """What the copies on the server are marked with."""
    return "".join(filter(str.isdigit, upgrade.requested_at))


def _upgrade(work: Work) -> Upgrade:
    upgrade = work.customer.setup.upgrade
    assert upgrade is not None, "a step that is not done has one"
    return upgrade


def _before(upgrade: Upgrade) -> Before:
    assert upgrade.before is not None, "the first step writes it"
    return upgrade.before


def _refused(customer: Customer, cause: str, hint: str | None) -> InputError:
    return InputError(_DOING, whom=customer.email, cause=cause, hint=hint)
