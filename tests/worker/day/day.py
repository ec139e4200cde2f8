"""The course of a day, and what is seen at its end."""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.customers.record import Customer
from provisioner.sandbox.control.assembly import MANAGER
from provisioner.sandbox.control.client import Sandbox
from provisioner.timestamps import moment
from provisioner.workspace import Workspace, init_workspace
from tests.simulated_time import SimulatedTime
from tests.worker.day.following import FollowingOperator
from tests.worker.day.people import GONE, Person, plans
from tests.worker.day.process import Sample, Serve, sandbox_in
from tests.worker.day.servers import TROUBLE
from tests.worker.day.trouble import Trouble

Say = Callable[[str], None]

_MIDNIGHT = 1_785_542_400.0
"""When the day begins: 2026-08-01T00:00:00Z."""
_SAMPLES = 96
_ONCE = (
    "onboarding_complete",
    "onboarding_message_sent",
    "telegram_connected",
    "cancel_requested",
    "cancellation_requested",
    "assistant_stopped",
    "final_backup_taken",
    "droplet_destroyed",
    "cancellation_complete",
)
"""What happens once to a customer, if at all."""
_SETTLE_HOURS = 7.0
"""Nobody is left alone for longer than six hours after failures."""
_TICK_SECONDS = 0.05
_OPERATOR = "ops@example.com"
_OPERATOR_PHONE = "theoperator"
_FOREIGN = ("DIGITALOCEAN_", "ANTHROPIC_", "TELEGRAM_", "PROVISIONER_", "SMTP_", "STRIPE_")
_SETTINGS = """
[operator]
contact = "help@example.com"
alerts = "{operator}"
telegram = "{telegram}"
summary_at = "{summary_at}"

[droplet]
active_seconds = 1800

[backup]
every_hours = {backup_hours}

[billing]
unpaid_days = {unpaid_days}
when_unpaid = "{when_unpaid}"

[cancel]
grace_days = {grace_days}
"""


@dataclass(frozen=True)
class Course:
    """How many customers, how long the day is for them, and how long for us."""

    customers: int
    hours: float
    minutes: float
    seed: int = 1
    grace_days: int = 1
    """Between a customer's goodbye and the end of their droplet, which the settling after the day has too."""

    unpaid_leave: bool = True
    """Whether who does not pay has to leave: in a short day that is decided by how busy this machine is."""

    @property
    def rate(self) -> float:
        return self.hours * 60 / self.minutes


@dataclass
class Seen:
    """What a day has shown; `wrong` is what must not be."""

    samples: list[Sample] = field(default_factory=list)
    settled_after: float = 0.0
    """Hours after the end of the trouble until everything was done."""
    alerts: Counter[str] = field(default_factory=Counter)
    """The first lines of what the operator was sent by e-mail, with how often."""
    setup_hours: list[float] = field(default_factory=list)
    """From the payment to the first message, of those who tap at once."""
    runs: Counter[str] = field(default_factory=Counter)
    busiest_minute: int = 0
    requests: int = 0
    faults: int = 0
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def memory_an_hour(self) -> float:
        """The slope of the memory in the second half of the day, in megabytes."""
        return _slope([(one.hours, one.memory) for one in self._second_half])

    def descriptors_an_hour(self) -> float:
        return _slope([(one.hours, float(one.descriptors)) for one in self._second_half])

    @property
    def _second_half(self) -> list[Sample]:
        return self.samples[len(self.samples) // 2 :]


def a_day(course: Course, say: Say = lambda _: None) -> Seen:
    """Let it pass, with trouble; then without, until everything is done or as long again."""
    simulated = SimulatedTime(course.rate, time.monotonic(), _MIDNIGHT)
    with (
        tempfile.TemporaryDirectory(prefix="day-") as folder,
        _world(Path(folder), course, simulated) as world,
    ):
        try:
            world.pass_day(say)
            world.settle(say)
            world.look()
        finally:
            code = world.serve.stop()
        if code:
            world.seen.wrong.append(f"serve ended with {code}")
        if "Traceback" in world.serve.log or "a bug" in world.serve.log:
            world.seen.wrong.append("there is a bug in the log")
        if keep := os.environ.get("DAY_LOG"):
            Path(keep).write_text(world.serve.log)
        return world.seen


@dataclass
class _World:
    course: Course
    simulated: SimulatedTime
    sandbox: Sandbox
    workspace: Workspace
    serve: Serve
    people: list[Person]
    trouble: Trouble
    operator: FollowingOperator
    seen: Seen = field(default_factory=Seen)

    def __post_init__(self) -> None:
        # Until both processes are up, hours of their time may have passed.
        self.began = self.simulated.time()

    @property
    def hours(self) -> float:
        return (self.simulated.time() - self.began) / 3600

    def pass_day(self, say: Say) -> None:
        every, next_sample = self.course.hours / _SAMPLES, 0.0
        while (hours := self.hours) < self.course.hours:
            assert self.serve.is_alive, self.serve.log[-2000:]
            self.trouble.act(hours)
            self._everybody_acts(hours)
            if hours >= next_sample:
                next_sample = hours + every
                self.seen.samples.append(self.serve.sample(hours))
                say(f"{hours:5.1f} h: {self.seen.samples[-1]}")
            time.sleep(_TICK_SECONDS)

    def settle(self, say: Say) -> None:
        """Nothing goes wrong any more: what is open comes to its end."""
        (self.workspace.root / TROUBLE).unlink()
        self.trouble.stop()
        began = self.hours
        most = began + 24 * self.course.grace_days + _SETTLE_HOURS
        while self._open() and self.hours < most:
            assert self.serve.is_alive, self.serve.log[-2000:]
            self._everybody_acts(self.hours)
            time.sleep(_TICK_SECONDS * 5)
        self.operator.wait()
        self.seen.settled_after = self.hours - began
        say(f"settled after {self.seen.settled_after:.1f} h; open: {self._open()}")

    def _everybody_acts(self, hours: float) -> None:
        for person in self.people:
            person.act(hours)
        self.operator.act(hours)

    def look(self) -> None:
        """What there is when all is over."""
        self.seen.wrong += [f"open: {one}" for one in self._open()]
        self._look_at_droplets()
        self._look_at_alerts()
        self.seen.busiest_minute = self.sandbox.busiest("cloud", 60)
        self.seen.requests = self.sandbox.count("cloud")
        self.seen.faults = self.trouble.made
        if any((self.workspace.state_dir / "stripe" / "pending").glob("*.json")):
            self.seen.wrong.append("events of Stripe were not dealt with")
        records = self._records()
        for person in self.people:
            self._look_at(person, *records[person.plan.email])
        for line in self.serve.log.splitlines():
            for name in ("provision", "backup", "cancel"):
                self.seen.runs[name] += f"@example.com: {name}: " in line

    def _open(self) -> list[str]:
        """Who is not where they want to be, with what the record says about it."""
        records = self._records()
        return [
            f"{person.plan.email} ({person.plan.way}): {why}"
            for person in self.people
            if (why := _why_open(person, records.get(person.plan.email)))
        ]

    def _records(self) -> dict[str, tuple[Customer, bool]]:
        store = self.workspace.store()
        return {
            one.customer.email: (one.customer, archived)
            for archived in (False, True)
            for one in store.all(archived=archived)
            if one.customer is not None
        }

    def _look_at(self, person: Person, customer: Customer, archived: bool) -> None:
        self.seen.states[f"{customer.status}{', archived' if archived else ''}"] += 1
        done = [one.timestamp for one in customer.timeline if one.event == "onboarding_complete"]
        events = Counter(one.event for one in customer.timeline)
        self.seen.wrong += [
            f"{customer.email}: {event} {count} times"
            for event, count in events.items()
            if count > 1 and event in _ONCE
        ]
        if done and person.signed_up_at is not None and person.plan.way != "broken":
            self.seen.setup_hours.append(self._hours_of(done[0]) - person.signed_up_at)

    def _hours_of(self, timestamp: str) -> float:
        found = moment(timestamp)
        assert found is not None
        return (found.timestamp() - self.began) / 3600

    def _look_at_droplets(self) -> None:
        names = Counter(one.name for one in self.sandbox.droplets())
        wanted = {
            c.setup.droplet.name
            for c, archived in self._records().values()
            if c.setup.droplet.id and not archived
        }
        self.seen.wrong += [
            f"droplet {name} is there {count} times" for name, count in names.items() if count > 1
        ]
        self.seen.wrong += [f"droplet {name} is nobody's" for name in names.keys() - wanted]
        self.seen.wrong += [f"droplet {name} is gone" for name in wanted - names.keys()]

    def _look_at_alerts(self) -> None:
        """Each was sent once over each way, and everything that was to be."""
        mails = [mail for mail in self.sandbox.mailbox() if _OPERATOR in mail.recipients]
        self.seen.alerts = Counter(mail.subject for mail in mails)
        texts = Counter(mail.text for mail in mails)
        self.seen.wrong += [f"told {count} times: {text}" for text, count in texts.items() if count > 1]
        said = Counter(one.text for one in self.sandbox.chat(_OPERATOR_PHONE, MANAGER) if one.sender == "bot")
        self.seen.wrong += [f"said {count} times: {text}" for text, count in said.items() if count > 1]


def _why_open(person: Person, found: tuple[Customer, bool] | None) -> str:
    if found is None:
        return "is in no record"
    customer, archived = found
    way, failed = person.plan.way, customer.retry.error if customer.retry else ""
    if way in GONE:
        ended = archived and customer.leaving is not None and customer.leaving.ended_at is not None
        return "" if ended else failed or f"{customer.status}, {customer.leaving}"
    if way == "never taps":
        waits = customer.setup.waiting is not None and customer.retry is None
        return "" if waits else failed or customer.status
    done = customer.status == "active" and customer.setup.status == "complete"
    if not done or customer.requests or customer.retry:
        return failed or f"{customer.status}, {len(customer.requests)} requests"
    return "" if customer.backups else "has no backup"


def _slope(points: list[tuple[float, float]]) -> float:
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


@contextmanager
def _world(folder: Path, course: Course, simulated: SimulatedTime) -> Iterator[_World]:
    with sandbox_in(folder / "box", simulated, droplet_limit=100_000, boot_seconds=40) as sandbox:
        workspace, _ = init_workspace(folder / "workspace")
        sandbox.add_phone(_OPERATOR_PHONE)
        sandbox.press_start(_OPERATOR_PHONE, MANAGER)
        (telegram,) = [one.id for one in sandbox.phones() if one.username == _OPERATOR_PHONE]
        summary = time.strftime("%H:%M", time.gmtime(simulated.time() + course.hours * 1800))
        workspace.settings_file.write_text(
            _SETTINGS.format(
                operator=_OPERATOR,
                telegram=telegram,
                summary_at=summary,
                backup_hours=course.hours / 3,
                unpaid_days=course.hours / 24 / 2,
                when_unpaid="cancel" if course.unpaid_leave else "tell",
                grace_days=course.grace_days,
            )
        )
        (workspace.root / TROUBLE).touch()
        rest = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        environment = {**rest, **sandbox.env}
        serve = Serve(workspace, simulated, environment)
        # One at a time would take hours of this day.
        sandbox.stripe.set_options(parallel=8, doubles=0.1, disorder=True)
        sandbox.stripe.set_webhook(f"{serve.url}/webhooks/stripe")
        people = [
            Person(plan, sandbox)
            for plan in plans(course.customers, course.hours, unpaid_leave=course.unpaid_leave)
        ]
        trouble = Trouble(sandbox, course.hours, course.seed)
        operator = FollowingOperator(sandbox, workspace, simulated, environment, _OPERATOR)
        yield _World(course, simulated, sandbox, workspace, serve, people, trouble, operator)
