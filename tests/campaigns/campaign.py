"""One setup after another, each among the faults of processes and services that were planned for it."""

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provisioner.customers.done import is_complete
from provisioner.pool.fill import PoolKeeper, pool_members
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.settings import load_settings
from provisioner.workspace import Workspace
from tests.campaigns.checks import Aftermath, Pool
from tests.campaigns.process_faults import KilledAfter, NoFault, ProcessFault
from tests.campaigns.processes import Life, Processes, Start
from tests.campaigns.reader import Reader
from tests.campaigns.report import Report
from tests.campaigns.service_faults import AnyFault, Fault
from tests.campaigns.world import Person, World, want_pool, workspace_in, world
from tests.pool.sites import Servers

_MOST_RUNS = 8
_CONTACT = re.compile(r"https://t\.me/newbot/\S+")


@dataclass(frozen=True)
class Course:
    """How customers are set up: how many by one process, how far, and whether they make their own bots.

    `page_size` is how many things the cloud puts on a page. With `rebuilt` they have been set up before, and
    have lost their droplet: what is tried is how they get another.

    `pool` is how many servers are ready before; with `filled` it is processes that see to it, and that are
    tried. `processes` is among how many the customers are divided that run at the same moment; with `drained`
    one more of them drains the pool. With `in_turn` the first customer alone is tried, and comes last in the
    end.
    """

    customers: int = 1
    until: str | None = None
    managed: bool = False
    page_size: int = 200
    rebuilt: bool = False
    pool: int = 0
    filled: bool = False
    processes: int = 1
    drained: bool = False
    in_turn: bool = False

    @property
    def at_once(self) -> int:
        """How many processes run at the same moment."""
        return self.processes + self.drained

    @property
    def ending(self) -> "Course":
        """How it goes on when nothing is tried any more: one process for all customers."""
        return replace(self, filled=False, processes=1, drained=False, in_turn=False)


Meeting = ProcessFault | Sequence[ProcessFault]
"""What the process meets with, or each of those that run at the same moment."""

DROPLET = Course(until="droplet")
TOGETHER = Course(customers=3, until="droplet", page_size=1)
GIVEN = Course()
MANAGED = Course(managed=True)
DROPLET_LOST = Course(until="droplet", rebuilt=True)
SERVER_LOST = Course(rebuilt=True)
CLAIM = Course(until="droplet", pool=1)
CLAIMED_IN_TURN = Course(customers=2, until="droplet", pool=1, in_turn=True)
CLAIMED_BY_ONE = Course(customers=2, until="droplet", pool=1, processes=2)
CLAIMS = Course(customers=3, until="droplet", pool=2)
CLAIMED_AT_ONCE = Course(customers=4, until="droplet", pool=3, processes=2)
CLAIMED_AND_DRAINED = Course(customers=2, until="droplet", pool=3, drained=True)
POOL_FILLED = Course(pool=1, filled=True)
CLAIMED_TO_THE_END = Course(pool=1)


class Campaign:
    """One workspace in one world; each customer lives once."""

    def __init__(self, world: World, workspace: Workspace, processes: Processes, report: Report) -> None:
        self._world = world
        self._workspace = workspace
        self._store = workspace.store()
        self._processes = processes
        self._report = report
        self._cloud = DigitalOcean(world.tokens.digitalocean, world.environment()["DIGITALOCEAN_END_POINT"])
        self._servers = Servers()

    def undisturbed(self, course: Course, faults: Sequence[AnyFault] = ()) -> list[tuple[str, ...]]:
        """The failpoints of each process of a setup, in their order; of what is tried, if that is less."""
        with self._people(course) as people:
            self._prepare(people, course)
            self._break(faults)
            apart = course != course.ending
            first = self._start(people, course, [NoFault()] * course.at_once) if apart else []
            lives = self._to_the_end(people, course)
            self._world.book.clear()
        assert lives[-1].code == 0, lives[-1].said
        return [life.passed for life in first or lives]

    def live(
        self,
        family: str,
        course: Course,
        meetings: Sequence[Meeting],
        faults: Sequence[AnyFault] = (),
    ) -> list[Life]:
        """One setup, whose processes meet with these faults in turn, and are then left alone.

        The faults are there from the first process on, and gone for those that are left alone. The processes
        that met with those faults.
        """
        with self._people(course) as people:
            self._prepare(people, course)
            reader = Reader(self._store, [person.email for person in people])
            with reader:
                self._break(faults)
                lives = [life for one in meetings for life in self._meet(family, people, course, one)]
                self._mend(faults)
                ends = self._to_the_end(people, course)
                self._world.settle()
            after = Aftermath(
                self._world,
                self._store,
                people,
                lives,
                ends,
                whole=course.until is None,
                managed=course.managed,
                rebuilt=course.rebuilt,
                replaced=any(fault.replaces for fault in faults),
                meetings=len(meetings),
                pool=Pool(
                    pool_members(self._workspace),
                    made=course.pool * course.filled,
                    taken=None if course.drained or faults else min(course.pool, course.customers),
                ),
            )
            self._count(family, after, reader)
            places = ", ".join(_place(life) for life in lives)
            story = f"{family}: {list(meetings)} ({places}) among {[fault.name for fault in faults]}"
            problems = [*after.problems(), *reader.problems]
            if course.pool:
                problems += after.drained(self._until_done("pool", "drain", "--yes"))
            self._report.violations += [f"{story}: {one}" for one in problems]
        return lives

    def _count(self, family: str, after: Aftermath, reader: Reader) -> None:
        self._report.setups[family] += 1
        self._report.again += after.again
        self._report.unsent += after.unsent
        self._report.reads += reader.reads

    def _break(self, faults: Sequence[AnyFault]) -> None:
        for fault in faults:
            fault.put(self._world)

    def _mend(self, faults: Sequence[AnyFault]) -> None:
        """End all faults, and count those that were met."""
        met = [rule.struck for rule in self._world.book.all()]
        self._world.book.clear()
        for fault in faults:
            self._report.faults[fault.way] += met.pop(0) if isinstance(fault, Fault) else 1

    def _start(self, people: Sequence[Person], course: Course, faults: Sequence[ProcessFault]) -> list[Life]:
        """The processes of the course at the same moment, each with its fault."""
        self._let_a_moment_pass()
        commands = self._commands(people, course)
        return self._processes.run_together(list(map(Start, commands, faults)))

    def _commands(self, people: Sequence[Person], course: Course) -> list[tuple[str, ...]]:
        if course.filled:
            return [("pool", "fill")]
        until = ("--until", course.until) if course.until else ()
        command = "rebuild" if course.rebuilt and not self._works(people[0]) else "provision"
        people = people[:1] if course.in_turn else people
        shares = [people[number :: course.processes] for number in range(course.processes)]
        commands = [(command, *(person.email for person in share), *until) for share in shares]
        return [*commands, *([("pool", "drain", "--yes")] if course.drained else [])]

    def _prepare(self, people: Sequence[Person], course: Course) -> None:
        """What has happened before."""
        if course.pool and not course.filled:
            self._fill()
        self._lose(people, course)
        self._world.made = 0

    def _fill(self) -> None:
        """Have the pool filled; where there are no machines, with servers on which nothing is done."""
        if self._world.machine is not None:
            ends = self._until_done("pool", "fill")
            assert ends[-1].code == 0, ends[-1].said
            return
        settings = load_settings(self._workspace.root, self._world.environment())
        keeper = PoolKeeper(
            self._workspace, settings, self._cloud, lambda _line: None, opened=self._servers.opened
        )
        filled = keeper.fill()
        assert not filled.failed, filled.failed

    def _until_done(self, *words: str) -> list[Life]:
        """This command again and again, left alone, until it ends well."""
        lives = [self._processes.run(*words)]
        while lives[-1].code != 0 and len(lives) < _MOST_RUNS:
            lives.append(self._processes.run(*words))
        return lives

    def _lose(self, people: Sequence[Person], course: Course) -> None:
        """Where the course wants it: set them up, undisturbed, and let the cloud lose their droplets."""
        if not course.rebuilt:
            return
        ends = self._to_the_end(people, replace(course, rebuilt=False))
        assert ends[-1].code == 0, ends[-1].said
        self._delete_droplets()

    def _works(self, person: Person) -> bool:
        """Whether the record says that all is done, on a droplet that there is."""
        customer = self._store.read(person.email).customer
        alive = {str(droplet.id) for droplet in self._world.droplets}
        return is_complete(customer) and customer.setup.droplet.id in alive

    def _delete_droplets(self) -> None:
        for droplet in self._world.droplets:
            self._cloud.delete_droplet(str(droplet.id))

    def _meet(self, family: str, people: Sequence[Person], course: Course, meeting: Meeting) -> list[Life]:
        faults = meeting if isinstance(meeting, Sequence) else [meeting]
        lives = self._start(people, course, faults)
        for life, fault in zip(lives, faults, strict=True):
            self._count_end(family, life, fault)
        for person in people:
            # Whoever reads right now finds a whole record.
            self._store.read(person.email)
            with self._store.edit(person.email) as record:
                record.add_note(f"after {meeting}")
            person.act()
        return lives

    def _count_end(self, family: str, life: Life, fault: ProcessFault) -> None:
        if life.killed:
            place = "at a random moment" if isinstance(fault, KilledAfter) else _place(life)
            self._report.kills[place] += 1
            self._report.families[family] += 1
        elif life.struck:
            self._report.faults[fault.name] += 1

    def _to_the_end(self, people: Sequence[Person], course: Course) -> list[Life]:
        filled = self._until_done("pool", "fill") if course.filled else []
        if filled and filled[-1].code != 0:
            return filled
        groups = [[person] for person in reversed(people)] if course.in_turn else [people]
        ends = [life for group in groups for life in self._provision_to_the_end(group, course.ending)]
        return [*filled, *ends]

    def _provision_to_the_end(self, people: Sequence[Person], course: Course) -> list[Life]:
        lives: list[Life] = []
        while len(lives) < _MOST_RUNS:
            lives += self._start(people, course, [NoFault()])
            if lives[-1].code == 0:
                break
            for person in people:
                if not person.act() and lives[-1].code == 3:
                    self._help(person)
                if f"provisioner rebuild {person.email}" in lives[-1].said:
                    # By hand, as it was done before there was a command for it: it ends in the same.
                    self._processes.run("update", person.email, "setup.droplet.id", "null")
        return lives

    def _help(self, person: Person) -> None:
        """What the operator does for a customer whom no e-mail has reached."""
        if person.bot:
            person.press_start()
            return
        shown = _CONTACT.search(self._processes.run("mail", "preview", "contact", person.email).said)
        person.act(shown[0] if shown else "")

    def _let_a_moment_pass(self) -> None:
        """So that nobody's look at the manager bot is of just now."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._workspace.state_dir / "manager" / "looked", (0, 0))

    @contextlib.contextmanager
    def _people(self, course: Course) -> Iterator[list[Person]]:
        want_pool(self._workspace, course.pool)
        self._world.made = 0
        self._world.cloud.options.page_size = course.page_size
        self._world.mailbox.clear()
        people = [
            self._world.add_person(self._workspace, managed=course.managed) for _ in range(course.customers)
        ]
        try:
            yield people
        finally:
            self._delete_droplets()
            left = self._workspace.customers_dir.glob("active/*.json*")
            for path in [*left, *(self._workspace.state_dir / "pool").glob("*.json*")]:
                path.unlink()


@contextlib.contextmanager
def campaign(folder: Path, report: Report, *, machine: bool) -> Iterator[Campaign]:
    """Everything that a campaign needs, for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with world(folder / "world", machine=machine) as made:
        workspace = workspace_in(folder / "workspace")
        environment = {**made.environment(), "PROVISIONER_WORKSPACE": str(workspace.root)}
        with Processes(folder, environment) as processes:
            yield Campaign(made, workspace, processes, report)
    report.seconds += time.monotonic() - began


_NAMES_OF_THINGS = (
    (r"/[0-9a-f]{2}(:[0-9a-f]{2}){15}", "/{fingerprint}"),
    (r"/tags/[^/]+", "/tags/{tag}"),
    (r"/images/[^/]+$", "/images/{image}"),
    (r"/\d+(?=/|$)", "/{id}"),
)


def _place(life: Life) -> str:
    """The last failpoint that a process came to, without what differs from run to run."""
    last = life.passed[-1] if life.passed else "before the first failpoint"
    for pattern, name in _NAMES_OF_THINGS:
        last = re.sub(pattern, name, last)
    return last
