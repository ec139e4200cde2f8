"""The kill campaign: `provisioner` dies by SIGKILL, is started again until it is done, and all is well."""

import contextlib
import errno
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from provisioner.customers.record import Customer
from provisioner.errors import RecordError
from provisioner.services.digitalocean import DigitalOcean
from provisioner.workspace import Workspace
from tests.campaigns.faults import AnyFault
from tests.campaigns.processes import Death, Life, Processes
from tests.campaigns.world import PLAYBOOKS, World, workspace_in, world
from tests.campaigns.zygote import FILE_PLACES

_MOST_RUNS = 6
_READ_EVERY_SECONDS = 0.004
SENDING = "write to the customer through the bot"
ONCE = ("droplet_created", "droplet_active")
ONCE_COMPLETE = (
    *ONCE,
    "moltbot_installed",
    "telegram_connected",
    "onboarding_message_sent",
    "onboarding_complete",
)


@dataclass
class Tally:
    """What a campaign has done and found."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    again: int = 0
    """How often a first message was sent a second time because the process died right after sending it."""
    faults: Counter[str] = field(default_factory=Counter)
    """How often a run went among each fault."""
    reads: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def killed(self) -> int:
        return sum(self.kills.values())

    def add(self, other: "Tally") -> None:
        """What another worker has done at the same time."""
        self.kills += other.kills
        self.faults += other.faults
        self.lives += other.lives
        self.again += other.again
        self.reads += other.reads
        self.violations += other.violations
        self.seconds = max(self.seconds, other.seconds)


class Campaign:
    """One workspace in one world; each customer lives once, with the deaths that were planned for them."""

    def __init__(self, world: World, workspace: Workspace, processes: Processes, tally: Tally) -> None:
        self._world = world
        self._workspace = workspace
        self._processes = processes
        self._tally = tally
        self._until = () if world.machine else ("--until", "droplet")
        self._cloud = DigitalOcean(world.tokens.digitalocean, world.environment()["DIGITALOCEAN_END_POINT"])

    def undisturbed(self, faults: Sequence[AnyFault] = ()) -> tuple[str, ...]:
        """The boundaries of a whole run, in their order."""
        with self._customer() as email:
            self._break(faults)
            life = self._processes.run("provision", email, *self._until)
            assert life.code == 0, life.said
            return life.passed

    def live(self, deaths: Sequence[Death], faults: Sequence[AnyFault] = ()) -> None:
        """One customer, whose process dies each of these deaths in turn, and is then left alone.

        The faults are there from the first process on, and gone for the last ones.
        """
        self._tally.lives += 1
        with self._customer() as email:
            reader = Reader(self._workspace, email)
            with reader:
                self._break(faults)
                lives = [self._die(email, death) for death in deaths]
                self._world.book.clear()
                end = self._go_on(email)
                self._world.settle()
            self._tally.reads += reader.reads
            places = ", ".join(_place(life) for life in lives)
            story = f"{list(deaths)} ({places}) among {[fault.name for fault in faults]}"
            for problem in [*self._problems(email, lives, end), *reader.problems]:
                self._tally.violations.append(f"{story}: {problem}")

    def _break(self, faults: Sequence[AnyFault]) -> None:
        for fault in faults:
            self._tally.faults[fault.name] += 1
            fault.put(self._world)

    def _die(self, email: str, death: Death) -> Life:
        life = self._processes.run("provision", email, *self._until, death=death)
        if life.killed:
            self._tally.kills[_place(life) if death.after is None else "at a random moment"] += 1
        elif death.errno:
            self._tally.faults[f"{errno.errorcode[death.errno]} on the disk"] += 1
        # Whoever reads right now finds a whole record.
        self._workspace.store().read(email)
        with self._workspace.store().edit(email) as record:
            record.add_note(f"after a death at {death}")
        return life

    def _go_on(self, email: str) -> Life:
        for _ in range(_MOST_RUNS):
            life = self._processes.run("provision", email, *self._until)
            if life.code == 0:
                break
        return life

    def _problems(self, email: str, lives: Sequence[Life], end: Life) -> Iterator[str]:
        if end.code != 0:
            yield f"it never ended well: exit code {end.code}: {end.said[-500:]}"
            return
        store = self._workspace.store()
        customer = store.read(email).customer
        if store.holder(email) is not None:
            yield "the run lock is held by nobody alive"
        droplets = [str(droplet.id) for droplet in self._world.droplets]
        if droplets != [customer.setup.droplet.id]:
            yield f"droplets {droplets}, the record has {customer.setup.droplet.id}"
        if self._world.made != 1:
            yield f"{self._world.made} droplets were made"
        yield from self._history(customer, len(lives))
        if self._world.machine:
            yield from self._effects(email, lives)
        leftovers = list(self._workspace.customers_dir.glob("active/*.tmp"))
        if leftovers:
            yield f"left over: {leftovers}"

    def _history(self, customer: Customer, deaths: int) -> Iterator[str]:
        events = Counter(event.event for event in customer.timeline)
        wanted = ONCE_COMPLETE if self._world.machine else ONCE
        for event in ("subscription_created", *wanted):
            if events[event] != 1:
                yield f"{events[event]} times the event {event}"
        if len(customer.notes) != deaths or events["note_added"] != deaths:
            yield f"{len(customer.notes)} of {deaths} notes are left"

    def _effects(self, email: str, lives: Sequence[Life]) -> Iterator[str]:
        assert self._world.machine is not None
        sent = len(self._world.messages(email))
        needless = sent - 1 - sum(_died_sending(life) for life in lives)
        if sent < 1 or needless > 0:
            yield f"{sent} first messages"
        self._tally.again += max(0, sent - 1)
        effects = self._world.machine.effects()
        for name in PLAYBOOKS:
            lines = Counter(effects.get(name, []))
            if lines["installed"] != 1 or not 1 <= lines["begun"] <= 1 + len(lives):
                yield f"the playbook {name} was applied {dict(lines)}"

    @contextlib.contextmanager
    def _customer(self) -> Iterator[str]:
        self._world.made = 0
        email = self._world.add_customer(self._workspace)
        try:
            yield email
        finally:
            for droplet in self._world.droplets:
                self._cloud.delete_droplet(str(droplet.id))
            for path in self._workspace.customers_dir.glob("active/*.json*"):
                path.unlink()


class Reader:
    """Reads a record again and again: it is whole each time, and its history only grows."""

    def __init__(self, workspace: Workspace, email: str) -> None:
        self._store = workspace.store()
        self._email = email
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.problems: list[str] = []
        self.reads = 0

    def _read(self) -> None:
        history: list[object] = []
        while not self._over.wait(_READ_EVERY_SECONDS):
            try:
                data = self._store.read(self._email).data
            except RecordError as broken:
                self.problems.append(f"while it ran: {broken}")
                return
            self.reads += 1
            now = data["timeline"]
            if now[: len(history)] != history:
                self.problems.append("the timeline lost or changed an event while it ran")
            history = now

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)


def singles(places: Sequence[str]) -> list[list[Death]]:
    """One death at each boundary."""
    return [[Death(at=number)] for number in range(len(places))]


def pairs(places: Sequence[str], number: int, chance: random.Random) -> list[list[Death]]:
    """Two deaths, the second one in the run that picks up after the first."""
    return [
        [Death(at=chance.randrange(len(places))), Death(at=chance.randrange(len(places)))]
        for _ in range(number)
    ]


def broken_disks(places: Sequence[str]) -> list[list[Death]]:
    """Each way in which a disk can fail, at each thing that is done to a file."""
    things = sum(place in FILE_PLACES for place in places)
    ways = (errno.ENOSPC, errno.EIO, errno.EROFS)
    return [[Death(at=number, errno=way)] for number in range(things) for way in ways]


def moments(number: int, seconds: float, chance: random.Random) -> list[list[Death]]:
    """Deaths at any moment, boundary or not."""
    return [[Death(after=chance.uniform(0, seconds))] for _ in range(number)]


@contextlib.contextmanager
def campaign(folder: Path, tally: Tally, *, machine: bool) -> Iterator[Campaign]:
    """Everything that a campaign needs, for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with world(folder / "world", machine=machine) as made:
        workspace = workspace_in(folder / "workspace")
        environment = {**made.environment(), "PROVISIONER_WORKSPACE": str(workspace.root)}
        with Processes(folder, environment) as processes:
            yield Campaign(made, workspace, processes, tally)
    tally.seconds += time.monotonic() - began


def _place(life: Life) -> str:
    """The last boundary that a process came to, without what differs from run to run."""
    last = life.passed[-1] if life.passed else "before the first boundary"
    return re.sub(r"/\d+$", "/{id}", re.sub(r"/[0-9a-f]{2}(:[0-9a-f]{2}){15}", "/{fingerprint}", last))


def _died_sending(life: Life) -> bool:
    """Whether a process ended with the message on its way, and nothing written about it yet.

    By a kill, or because the disk did not take what it wanted to write.
    """
    places = list(life.passed)
    sendings = [index for index, place in enumerate(places) if SENDING in place]
    if life.code == 0 or not sendings:
        return False
    written = [
        index for index, place in enumerate(places) if place == "after rename" and index > sendings[-1]
    ]
    return not written
