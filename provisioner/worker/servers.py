"""The servers, looked at again and again: what is wrong is mended where it can be, and told where it cannot.

Only when each was looked at last is remembered, in a small file: losing it costs a look.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

from pydantic import BaseModel, ValidationError

from provisioner.customers.record import Customer
from provisioner.filesystem.durable import Files, explained, write_durably
from provisioner.health.judge import Sign
from provisioner.health.look import Look, ServerHealth, waiting_for
from provisioner.health.mending import is_to_be_mended, told
from provisioner.health.sweep import Sweep
from provisioner.health.visit import has_running_server
from provisioner.printable import command
from provisioner.runs.visiting import server_visitor
from provisioner.services.factory import Services, connect_cloud
from provisioner.settings import Settings
from provisioner.steps.droplet.presence import explain_silence
from provisioner.timestamps import moment, present, written
from provisioner.worker.alerts import Alerts
from provisioner.worker.due import is_look_due
from provisioner.workspace import Workspace

WATCH_SECONDS = 30.0
"""How often it is seen whose look is due."""
AT_A_TIME = 100
"""How many are looked at before what was seen is told, and when it was is written down."""
_MANY = 5
_MINE = "health of "
"""How the runs begin, in alerts, that are about how a server is."""
_SILENT = "servers do not answer"


class _Looked(BaseModel):
    looked: dict[str, str] = {}


class ServerWatch:
    """All servers of a workspace, for one thread."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        alerts: Alerts,
        sweep: Sweep,
        say: Callable[[str], None],
        *,
        begin: Callable[[], None] = lambda: None,
        going_on: Callable[[], bool] = lambda: True,
        now: Callable[[], datetime] = present,
    ) -> None:
        """`begin` is called when something is to be mended; a look ends early when it is not `going_on`."""
        self._store = workspace.store()
        self._settings = settings
        self._alerts = alerts
        self._sweep = sweep
        self._say = say
        self._begin = begin
        self._going_on = going_on
        self._now = now
        self._path = workspace.state_dir / "worker" / "servers.json"
        self._files = Files()

    def look(self) -> None:
        """Look at those whose time has come; a problem is raised when everybody was looked at."""
        if not (self._settings.health.every_minutes and self._settings.worker.jobs):
            return
        running = {one.id: one for one in self._customers() if has_running_server(one)}
        self._forget_all_but(running)
        looked = {one: at for one, at in self._read().items() if one in running}
        now = self._now()
        due = [one for one in running.values() if self._is_due(one, looked.get(one.id), now)]
        problems = []
        for start in range(0, len(due), AT_A_TIME):
            seen = self._look_at(due[start : start + AT_A_TIME])
            problems += [one.unwritten for one in seen if one.unwritten is not None]
            looked |= {one.customer.id: written(now) for one in seen if not one.held}
            self._write(looked)
        if problems:
            raise problems[0]

    def _is_due(self, customer: Customer, looked: str | None, now: datetime) -> bool:
        """Not while a run is at work on them: what is seen then may be its doing."""
        last = moment(looked) if looked else None
        due = is_look_due(customer, last, self._settings, now)
        return due and self._store.holder_by_id(customer.id) is None

    def _look_at(self, customers: Sequence[Customer]) -> list[ServerHealth]:
        seen = list(self._sweep.over(customers, going_on=self._going_on))
        free = [one for one in seen if not one.held]
        many = _is_everybodys(free)
        open_runs = self._open_runs()
        for one in free:
            wrong = {_run(one.customer, sign): sign for sign in one.problems}
            over = [run for run in open_runs if run.startswith(_prefix(one.customer.id)) and run not in wrong]
            if over:
                self._alerts.over(*over)
            for run, sign in _untold(one, wrong.items()):
                self._tell(one.customer, run, sign, many=many and sign.about == "server")
        if any(is_to_be_mended(one.customer) for one in free):
            self._begin()
        return seen

    def _tell(self, customer: Customer, run: str, sign: Sign, *, many: bool) -> None:
        key, words = (_MINE + _SILENT, _common_words()) if many else (run, _words(customer, sign))
        whom = None if many else customer.email
        if self._alerts.tell(key, whom, words, can_end=True, concerns={run: customer.email}):
            self._say(f"the operator will be told: {customer.email}: {sign.problem}")

    def _open_runs(self) -> list[str]:
        return [run for one in self._alerts.open for run in one.runs if run.startswith(_MINE)]

    def _forget_all_but(self, running: Collection[str]) -> None:
        """Nothing is wrong any more with the servers of those who have left."""
        over = [run for run in self._open_runs() if run[len(_MINE) :].partition(":")[0] not in running]
        if over:
            self._alerts.over(*over)

    def _customers(self) -> Iterator[Customer]:
        """Whose record cannot be read is told elsewhere."""
        return (one.customer for one in self._store.all() if one.customer is not None)

    def _read(self) -> dict[str, str]:
        """When each was looked at last; what cannot be read is looked at again."""
        with explained("read when servers were looked at", str(self._path)):
            raw = self._path.read_bytes() if self._path.exists() else b"{}"
        try:
            return _Looked.model_validate_json(raw).looked
        except ValidationError:
            return {}

    def _write(self, looked: dict[str, str]) -> None:
        with explained("write when servers were looked at", str(self._path)):
            self._files.make_folder(self._path.parent)
            content = _Looked(looked=looked).model_dump_json().encode()
            write_durably(self._files, self._path, content, self._files.stamp(self._path))


def sweep_of(workspace: Workspace, settings: Settings) -> Sweep:
    """Looks at this workspace's servers over SSH, and at their channels."""
    from provisioner.services.digitalocean.client import DigitalOcean

    # A cloud that does not answer explains nothing, and keeps nobody waiting.
    impatient = partial(DigitalOcean, patience=0.0)
    services = Services(
        settings, new_cloud=lambda: connect_cloud(settings, workspace.rates_dir, client=impatient)
    )

    def explain(customer: Customer) -> None:
        explain_silence(settings, lambda: services.cloud, customer)

    look = Look(settings, server_visitor(settings, explain), waiting_for(settings))
    return Sweep(workspace.store(), look, mend=settings.health.mend_hours > 0)


def _untold(seen: ServerHealth, wrong: Iterable[tuple[str, Sign]]) -> Iterator[tuple[str, Sign]]:
    """What nobody is about to mend."""
    health = seen.customer.health
    mending = health.mending.about if health is not None and health.mending is not None else ()
    return ((run, sign) for run, sign in wrong if sign.about not in mending)


def _is_everybodys(seen: Sequence[ServerHealth]) -> bool:
    """Whether so many do not answer that it is hardly their fault."""
    silent = sum(any(sign.about == "server" for sign in one.problems) for one in seen)
    return silent >= _MANY and 2 * silent > len(seen)


def _words(customer: Customer, sign: Sign) -> str:
    tried = told(customer, sign)
    return "\n".join([sign.problem, *([tried] if tried else []), sign.hint])


def _common_words() -> str:
    look = f"see whether this machine's own network goes; then {command('health', options='--all')}"
    return f"most servers do not answer\n{look}"


def _prefix(customer_id: str) -> str:
    return f"{_MINE}{customer_id}: "


def _run(customer: Customer, sign: Sign) -> str:
    """What an alert is known by that is about this."""
    return _prefix(customer.id) + sign.about
